/** What is counted of a request that was answered. `route` is a pattern: a path may hold a ticket, and has no bound. */
export type SeenRequest = { method: string; route: string; status: number; code?: string | undefined }

/** Called when a request begins; what it returns is called with its answer. */
export type ObserveRequest = () => (seen: SeenRequest) => void
