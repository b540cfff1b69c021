import type { PictureSource } from "../../../src/classifier/fetch/open-picture-source.ts"

const refuse = () => Promise.reject(new Error("No job of this test has a URL"))

/** For tests whose pictures are all sent. */
export const noSource: PictureSource = { fetch: refuse, inspect: refuse, close: async () => undefined }
