import type { OutputStore } from "../../../src/classifier/outputs/output-store.ts"

/** For tests whose jobs make no file. */
export const noOutputs: OutputStore = { put: () => Promise.reject(new Error("No job of this test makes a file")) }
