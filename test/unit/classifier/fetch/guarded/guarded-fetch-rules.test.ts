import { describe, expect, it } from "vitest"
import { parseAllowList } from "../../../../../src/classifier/fetch/guarded/allow-list.ts"
import { GuardedFetchError } from "../../../../../src/classifier/fetch/guarded/guarded-fetch-error.ts"
import { isPublicAddress } from "../../../../../src/classifier/fetch/guarded/public-address.ts"
import { parseClientUrl, reachableAddresses, reachOf } from "../../../../../src/classifier/fetch/guarded/url-rules.ts"

function rulesWith(...allowed: string[]) {
  return { allowList: parseAllowList(allowed), ports: [443] }
}

/** What becomes of a URL before anything is resolved: the code of the refusal, or how far it may reach. */
function verdict(url: string, ...allowed: string[]): string {
  try {
    return reachOf(parseClientUrl(url), rulesWith(...allowed)).to
  } catch (error) {
    if (error instanceof GuardedFetchError) return error.code
    throw error
  }
}

const REFUSED_URLS: Record<string, readonly string[]> = {
  address_refused: [
    // IPv4, each special range
    "https://127.0.0.1/",
    "https://127.255.255.254/",
    "https://0.0.0.0/",
    "https://0.1.2.3/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/v2/credentials",
    "https://100.64.0.1/",
    "https://100.100.100.200/latest/meta-data/",
    "https://168.63.129.16/machine",
    "https://192.0.0.192/opc/v1/",
    "https://192.0.0.1/",
    "https://192.0.2.1/",
    "https://192.31.196.1/",
    "https://192.52.193.1/",
    "https://192.88.99.1/",
    "https://192.175.48.1/",
    "https://198.18.0.1/",
    "https://198.19.255.255/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://224.0.0.1/",
    "https://239.255.255.250/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    // IPv4 written otherwise
    "https://127.1/",
    "https://127.0.1/",
    "https://0/",
    "https://0x0/",
    "https://2130706433/",
    "https://017700000001/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0x7f.0x0.0x0.0x1/",
    "https://0177.0.0.1/",
    "https://0177.0.0.01/",
    "https://00000177.1/",
    "https://127.0.0.1./",
    "https://%31%32%37.0.0.1/",
    "https://127%2e0%2e0%2e1/",
    "https://127。0。0。1/",
    "https://127．0．0．1/",
    "https://１２７.０.０.１/",
    "https://①②⑦.⓪.⓪.①/",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://0xA9.0xFE.0xA9.0xFE/",
    "https://0251.0376.0251.0376/",
    "https://169.254.43518/",
    "https://3232235777/",
    "https://10.1/",
    "https://0x0a000001/",
    "https://4294967295/",
    // IPv6
    "https://[::]/",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[0000:0000:0000:0000:0000:0000:0000:0001]/",
    "https://[::127.0.0.1]/",
    "https://[::8.8.8.8]/",
    "https://[::2]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[0:0:0:0:0:ffff:a9fe:a9fe]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[::ffff:0:127.0.0.1]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b::8.8.8.8]/",
    "https://[64:ff9b:1::10.0.0.1]/",
    "https://[64:ff9b:1:ffff::a00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2002:808:808::1]/",
    "https://[2001::1]/",
    "https://[2001:0:4136:e378:8000:63bf:80ff:fffe]/",
    "https://[2001:2::1]/",
    "https://[2001:3::1]/",
    "https://[2001:4:112::1]/",
    "https://[2001:10::1]/",
    "https://[2001:20::1]/",
    "https://[2001:30::1]/",
    "https://[2001:1ff:ffff::1]/",
    "https://[2001:db8::1]/",
    "https://[2620:4f:8000::1]/",
    "https://[3ffe::1]/",
    "https://[3fff::1]/",
    "https://[3fff:fff::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fd20:ce::254]/",
    "https://[fe80::1]/",
    "https://[febf::1]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[ff0e::1]/",
    "https://[100::1]/",
    "https://[100:0:0:1::1]/",
    "https://[5f00::1]/",
    "https://[4000::1]/",
    "https://[e000::1]/",
    "https://[1::1]/",
    "https://[2606:4700::5efe:10.0.0.1]/",
    "https://[2606:4700::200:5efe:127.0.0.1]/",
    // Names that only this network has an answer for
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://localhost。/",
    "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "https://local\u00adhost/",
    "https://loc\u200balhost/",
    "https://a.localhost/",
    "https://localhost.localdomain/",
    "https://metadata/",
    "https://redis/",
    "https://kubernetes.default.svc.cluster.local/",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://METADATA.GOOGLE.INTERNAL./",
    "https://host.docker.internal/",
    "https://printer.local/",
    "https://router.lan/",
    "https://router.home.arpa/",
    "https://ipv4only.arpa/",
    "https://wiki.corp/",
    "https://wiki.intranet/",
    "https://hidden.onion/",
    // Parsers that disagree: the host is what our parser, and so the connection, says
    "https:127.0.0.1/",
    "https:/127.0.0.1/",
    "https:\\\\127.0.0.1\\",
    "https:////127.0.0.1/",
    "https://127.0.0.1\\@example.com/",
    "https://127.0.0.1#@example.com/",
    "https://127.0.0.1?@example.com/",
    " https://127.0.0.1/",
    "ht\ntps://127.0.0.1/",
    "https://127.0.\t0.1/",
    // The address speaks before scheme and port
    "http://127.0.0.1:6379/",
    "http://169.254.169.254/",
  ],
  scheme_refused: [
    "http://example.com/",
    "http://8.8.8.8/",
    "http://example.com:443/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "blob:https://example.com/1",
    "ws://example.com/",
    "wss://example.com/",
    "jar:https://example.com!/",
    "about:blank",
    "localhost:8080/",
  ],
  port_refused: [
    "https://example.com:22/",
    "https://example.com:25/",
    "https://example.com:80/",
    "https://example.com:6379/",
    "https://example.com:8443/",
    "https://example.com:0/",
    "https://8.8.8.8:8080/",
    "https://[2606:4700::1111]:8080/",
  ],
  bad_url: [
    "",
    " ",
    "example.com",
    "/path",
    "//example.com/",
    "https://",
    "https:///",
    "https://user@example.com/",
    "https://user:pass@example.com/",
    "https://:pass@example.com/",
    "https://example.com@127.0.0.1/",
    "https://example.com%40127.0.0.1/",
    "https://example.com:443:80/",
    "https://example.com:65536/",
    "https://example.com:-1/",
    "https://127.0.0.1:443@example.com/",
    "https://exa mple.com/",
    "https://exam%00ple.com/",
    "https://example..com/",
    "https://.example.com/",
    "https://example.com../",
    "https://./",
    "https://*.example.com/",
    "https://a,b.example.com/",
    "https://a;b.example.com/",
    "https://$(x).example.com/",
    "https://[::1/",
    "https://[::1%25lo]/",
    "https://[fe80::1%eth0]/",
    "https://[::ffff:0x7f.1]/",
    "https://[127.0.0.1]/",
    "https://1.2.3.4.5/",
    "https://256.256.256.256/",
    "https://0x100000000/",
    "https://example.1/",
    `https://${"a".repeat(64)}.example.com/`,
    `https://${"a.".repeat(127)}com/`,
    `https://example.com/${"a".repeat(4_096)}`,
  ],
}

describe("reachOf()", () => {
  for (const [code, urls] of Object.entries(REFUSED_URLS)) {
    it.each(urls)(`refuses %j: ${code}`, (url) => {
      expect(verdict(url)).toBe(code)
    })
  }

  it.each([
    "https://example.com/",
    "https://example.com:443/",
    "https://EXAMPLE.com./a?b=c#d",
    "https://my_bucket.s3.example.com/",
    "https://xn--bcher-kva.example/",
    "https://bücher.example/",
    "https://localhost.example.com/",
    "https://127.0.0.1.nip.io/",
    "https://internal.example.com/",
    "https://8.8.8.8/",
    "https://172.15.255.255/",
    "https://172.32.0.1/",
    "https://100.63.255.255/",
    "https://100.128.0.1/",
    "https://168.63.129.17/",
    "https://[2606:4700:4700::1111]/",
    "https://[2a00:1450:4001::200e]/",
    "https://[2001:200::1]/",
  ])("lets %s through to public addresses", (url) => {
    expect(verdict(url)).toBe("public")
  })

  it("says scheme, host and port in a refusal, and nothing of path and query", () => {
    const refused = () => reachOf(parseClientUrl("https://example.com:8443/secret?token=1"), rulesWith())
    expect(refused).toThrow(
      new GuardedFetchError("port_refused", "Cannot fetch https://example.com:8443: only port 443 is allowed"),
    )
  })
})

describe("what is said of a refusal", () => {
  it.each([
    ["https://hooks.invalid/x", "its name does not resolve on the public internet"],
    ["https://printer/x", "its name does not resolve on the public internet"],
    ["https://10.0.0.1/x", "its address is not public"],
  ])("of %s is that %s", (url, why) => {
    const rules = { allowList: parseAllowList([]), ports: [443] }
    expect(() => reachOf(parseClientUrl(url), rules)).toThrow(why)
  })
})

describe("reachOf() with an allow-list", () => {
  it.each([
    ["http://127.0.0.1:9000/", ["127.0.0.1:9000"], "listed"],
    ["http://2130706433:9000/", ["127.0.0.1:9000"], "listed"],
    ["http://127.0.0.1:9001/", ["127.0.0.1:9000"], "address_refused"],
    ["http://127.0.0.2:9000/", ["127.0.0.1:9000"], "address_refused"],
    ["http://[::ffff:127.0.0.1]:9000/", ["127.0.0.1:9000"], "address_refused"],
    ["http://[::1]:9000/", ["[::1]:9000"], "listed"],
    ["http://[::1]:9000/", ["::1"], "listed"],
    ["http://[fd12::7]/", ["fd00::/8"], "listed"],
    ["https://[fd12::7]/", ["[fd00::/8]:443"], "listed"],
    ["http://[fd12::7]/", ["[fd00::/8]:443"], "address_refused"],
    ["http://10.9.8.7:1234/", ["10.0.0.0/8"], "listed"],
    ["http://10.9.8.7:1234/", ["10.0.0.0/8:1234"], "listed"],
    ["http://10.9.8.7:1235/", ["10.0.0.0/8:1234"], "address_refused"],
    ["http://11.0.0.1/", ["10.0.0.0/8"], "scheme_refused"],
    // A name might resolve to a listed address, which the connection will see
    ["http://minio.lan:9000/", ["10.0.0.0/8"], "listed"],
    ["http://localhost:3000/", ["127.0.0.1:3000"], "listed"],
    ["http://localhost:3001/", ["127.0.0.1:3000"], "address_refused"],
    ["https://example.com/", ["10.0.0.0/8"], "public"],
    // A host that is named may be anywhere, and stands for itself alone
    ["http://minio:9000/", ["minio:9000"], "anywhere"],
    ["http://MINIO.:9000/", ["Minio.:9000"], "anywhere"],
    ["http://minio/", ["minio:80"], "anywhere"],
    ["https://minio/", ["minio:443"], "anywhere"],
    ["http://minio:9001/", ["minio:9000"], "address_refused"],
    ["http://minio:9001/", ["minio"], "anywhere"],
    ["http://evil.minio/", ["minio"], "scheme_refused"],
    ["http://bücher.example:81/", ["bücher.example"], "anywhere"],
    ["file://minio/x", ["minio"], "scheme_refused"],
    ["http://user@minio/", ["minio"], "bad_url"],
  ])("%s with %j: %s", (url, allowed, expected) => {
    expect(verdict(url, ...allowed)).toBe(expected)
  })
})

describe("parseAllowList()", () => {
  it.each([
    "http://minio:9000",
    "minio:9000/path",
    "minio:0",
    "minio:65536",
    "10.0.0.1:0",
    "10.0.0.0/8:65536",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0/8",
    "127.1",
    "0x7f.1",
    "fd00::/129",
    "[::1",
    "::1]",
    "[::1]x",
    "fe80::1%eth0",
    "[fe80::1%25eth0]:80",
    "*.example.com",
    "*",
    "user@host",
    ":80",
    "",
  ])("refuses %j, and says which entry it is and not what it holds", (entry) => {
    expect(() => parseAllowList(["localhost", entry])).toThrow(
      new TypeError("Cannot read entry 2 of the allow-list: it is no host, host:port, address or CIDR range"),
    )
  })
})

describe("reachableAddresses()", () => {
  const url = parseClientUrl("https://example.com/")
  const addresses = [
    "127.0.0.1",
    "8.8.8.8",
    "not an address",
    "::ffff:8.8.8.8",
    "2606:4700::1%lo",
    "2606:4700::1",
    "10.0.0.1",
  ]

  it("keeps the public addresses of an answer", () => {
    const { allowList } = rulesWith()
    expect(reachableAddresses(addresses, url, { to: "public" }, allowList)).toEqual(["8.8.8.8", "2606:4700::1"])
  })

  it("keeps the listed ones too, for their port only", () => {
    const { allowList } = rulesWith("10.0.0.0/8:443", "127.0.0.1:80")
    expect(reachableAddresses(addresses, url, { to: "public" }, allowList)).toEqual([
      "8.8.8.8",
      "2606:4700::1",
      "10.0.0.1",
    ])
  })

  it("keeps every address of a host that is named, and nothing else", () => {
    const named = reachableAddresses(addresses, url, { to: "anywhere" }, rulesWith().allowList)
    expect(named).toEqual(addresses.filter((address) => address !== "not an address"))
  })

  it("keeps the listed ones alone where the URL needs that", () => {
    const plain = parseClientUrl("http://example.com/")
    const rules = rulesWith("127.0.0.1:80")
    expect(reachableAddresses(addresses, plain, reachOf(plain, rules), rules.allowList)).toEqual(["127.0.0.1"])
  })
})

describe("isPublicAddress()", () => {
  it.each([
    "",
    "localhost",
    "127.1",
    "0x7f.0.0.1",
    "08.8.8.8",
    "8.8.8.8/32",
    "8.8.8.8:443",
    "[2606:4700::1]",
    "2606:4700::1%eth0",
  ])("fails closed on %j", (address) => expect(isPublicAddress(address)).toBe(false))
})
