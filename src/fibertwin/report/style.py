"""The look of the report: dark text on white, readable on a laptop and on paper."""

CSS = """
:root { --ink: #1c1c1e; --soft: #5c5c63; --line: #dcdce1; --wash: #f6f6f8; --red: #b3261e; --green: #256b3a; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 2.2rem 1.6rem 4rem; max-width: 66rem; background: #fff; color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .8rem; font-weight: 650; letter-spacing: -.01em; }
h2 { font-size: 1.15rem; margin: 2.6rem 0 .7rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
h3 { font-size: .98rem; margin: 1.5rem 0 .4rem; }
p { margin: .5rem 0; max-width: 48rem; }
.outcome { border-left: 4px solid var(--green); padding: .5rem .9rem; background: var(--wash); max-width: none; }
.outcome.failed { border-color: var(--red); color: var(--red); font-weight: 600; }
.warn { border-left: 4px solid #b97a00; padding: .35rem .9rem; background: #fdf8ee; max-width: none; }
.answer { font-size: 1.12rem; line-height: 1.5; margin: 1.1rem 0; max-width: 54rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem; margin: 1.2rem 0; }
.tile { border: 1px solid var(--line); border-radius: 6px; padding: .7rem .9rem; }
.tile b { display: block; font-size: 1.5rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: .86rem; display: block; line-height: 1.35; }
figure { margin: 1.2rem 0; }
figure img { width: 100%; height: auto; display: block; }
figure.narrow img { max-width: 46rem; }
figcaption { color: var(--soft); font-size: .87rem; margin-top: .45rem; max-width: 52rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: .6rem 0; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .28rem .9rem .28rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--soft); border-bottom-color: #b9b9c0; }
th.n, td.n { text-align: right; white-space: nowrap; }
details { margin: .7rem 0; }
summary { cursor: pointer; color: var(--soft); }
pre { background: var(--wash); padding: .8rem 1rem; overflow-x: auto; font-size: .82rem; line-height: 1.45; }
code, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .86em; }
.mono { overflow-wrap: anywhere; }
.note { color: var(--soft); font-size: .9rem; }
@media print {
  @page { margin: 14mm; }
  body { padding: 0; max-width: none; font-size: 10.5pt; }
  .scroll { overflow: visible; }
  table { font-size: 7.6pt; }
  th, td { padding-right: .5rem; }
  th.n { white-space: normal; }
  figure, table, .tile, .outcome { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  pre { white-space: pre-wrap; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
