/** All the style there is. The page names it in its Content-Security-Policy by its hash. */
export const STYLE = `:root{color-scheme:light dark;--ink:#1c2024;--dim:#5b6570;--line:#d9dee3;--paper:#fff;--shade:#f4f6f8;--link:#0757ba;--get:#0a6b3d;--post:#0757ba;--delete:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e7eaed;--dim:#9aa5b1;--line:#333a42;--paper:#14171a;--shade:#1d2227;--link:#7db7ff;--get:#63d297;--post:#7db7ff;--delete:#ff8a80}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:1rem}
@media(prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif;overflow-wrap:break-word}
main,header,footer{max-width:54rem;margin:0 auto;padding:0 1.1rem}
header{padding-top:2rem}
h1{font-size:1.9rem;margin:0 0 .2rem}
h2{font-size:1.4rem;margin:3rem 0 .6rem;padding-top:.8rem;border-top:1px solid var(--line)}
h3{font-size:1.08rem;margin:2rem 0 .4rem}
h4{font-size:.95rem;margin:1.2rem 0 .3rem;color:var(--dim)}
p{margin:.5rem 0}
a{color:var(--link)}
a:focus-visible,summary:focus-visible,pre:focus-visible{outline:2px solid var(--link);outline-offset:2px}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;padding:0;margin:1rem 0}
code,pre{font:.87em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
code{background:var(--shade);padding:.1em .3em;border-radius:.25em}
pre{background:var(--shade);border:1px solid var(--line);border-radius:.5rem;padding:.8rem 1rem;overflow-x:auto;margin:.3rem 0 1rem}
pre code{background:none;padding:0}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem;margin:.3rem 0 1rem}
th,td{text-align:left;vertical-align:top;padding:.35rem .7rem .35rem 0;border-bottom:1px solid var(--line)}
th{color:var(--dim);font-weight:600}
summary{cursor:pointer;padding:.3rem 0;color:var(--link)}
.path{font:600 1rem/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:none;padding:0}
.method{text-transform:uppercase;color:var(--post)}
.get{color:var(--get)}.delete{color:var(--delete)}
.dim{color:var(--dim)}
footer{margin-top:3rem;padding-bottom:3rem;color:var(--dim)}
`
