const KEY = "key:"
const ADDRESS = "ip:"

/** A caller's id says who it is: an API key by its name, or an address. */
export const keyCaller = (name: string): string => KEY + name
export const addressCaller = (address: string): string => ADDRESS + address

export function isKeyCaller(id: string): boolean {
  return id.startsWith(KEY)
}
