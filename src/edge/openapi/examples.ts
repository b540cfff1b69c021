import taken from "./examples.json" with { type: "json" }

// Answers of the real stack, taken by `npm run examples` (scripts/take-examples.ts), not written by hand.
// The hosts of pictures and webhooks are renamed: those of the run are on 127.0.0.1.

/** By operation and status. */
export const EXAMPLES: Readonly<Record<string, Readonly<Record<number, unknown>>>> = taken.answers

/** Webhooks, by type. */
export const EVENT_EXAMPLES: Readonly<Record<string, unknown>> = taken.events
