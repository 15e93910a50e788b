// The look of the widget. Colours are variables; every pair of text and ground has a contrast of at least 4.5:1.
export default `
:host {
  --_text: var(--haoyuan-text, #16242f);
  --_muted: var(--haoyuan-muted, #485866);
  --_ground: var(--haoyuan-ground, #ffffff);
  --_soft: var(--haoyuan-soft, #f3f6f8);
  --_line: var(--haoyuan-line, #7b8a97);
  --_faint: var(--haoyuan-faint, #d4dce2);
  --_accent: var(--haoyuan-accent, #0a5c8c);
  --_on-accent: var(--haoyuan-on-accent, #ffffff);
  --_tint: var(--haoyuan-tint, #e8f2f9);
  --_good: var(--haoyuan-good, #17663a);
  --_warn: var(--haoyuan-warn, #8a3b00);
  --_target: 44px;
  --_radius: var(--haoyuan-radius, 10px);
  --_size: var(--haoyuan-size, 16px);
  display: block;
  color: var(--_text);
  background: var(--_ground);
  font: var(--_size)/1.6 var(--haoyuan-font, system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif);
  text-align: start;
  overflow-wrap: anywhere;
}
:host([hidden]) { display: none; }
:host([elder]) { --_target: 60px; --_size: var(--_elder-size, 20px); --_muted: #33424e; }
*, *::before, *::after { box-sizing: border-box; }
.box { max-width: 46rem; margin: 0 auto; padding: 1rem; }
.head { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; justify-content: space-between; }
.tools { display: flex; flex-wrap: wrap; gap: .5rem; }
h2 { font-size: 1.5em; line-height: 1.3; margin: .25rem 0; }
h3 { font-size: 1.15em; line-height: 1.4; margin: 0 0 .5rem; }
p { margin: .25rem 0; }
.step { color: var(--_muted); margin: 0 0 .25rem; }
.note { color: var(--_muted); font-size: max(.875em, var(--_least, 0px)); }
:host([elder]) { --_least: 18px; }
fieldset { border: 0; margin: 1.25rem 0 0; padding: 0; min-width: 0; }
legend { font-weight: 600; font-size: 1.1em; padding: 0; margin: 0 0 .5rem; }
fieldset fieldset { margin-top: .75rem; }
fieldset fieldset legend { font-size: 1em; font-weight: 500; color: var(--_muted); margin-bottom: .4rem; }
.choices { display: grid; gap: .5rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--_column, 11rem)), 1fr)); }
.days { --_column: 9.5rem; }
.times { --_column: 9.5rem; }
:host([elder]) .choices { --_column: 14em; }
:host([elder]) .days, :host([elder]) .times { --_column: 11em; }
.choice { position: relative; display: flex; }
.choice input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: pointer; }
.choice label {
  flex: 1; min-height: max(var(--_target), 3.4em); padding: .5em .75em; border: 1px solid var(--_line); border-radius: var(--_radius);
  background: var(--_ground); display: flex; flex-direction: column; justify-content: center; cursor: pointer;
}
.choice input:hover + label { background: var(--_soft); }
.choice input:checked + label { border-color: var(--_accent); box-shadow: inset 0 0 0 2px var(--_accent); background: var(--_tint); }
.choice input:checked + label strong::after { content: " ✓"; color: var(--_accent); }
.choice input:focus-visible + label, button:focus-visible, [tabindex]:focus-visible {
  outline: 3px solid var(--_accent); outline-offset: 2px;
}
.choice.no label { background: var(--_soft); border-style: dashed; color: var(--_muted); }
.choice strong { font-weight: 600; font-variant-numeric: tabular-nums; }
.state { font-size: max(.875em, var(--_least, 0px)); color: var(--_muted); }
.choice:not(.no) .state { color: var(--_good); }
.quiet { font-size: max(.875em, var(--_least, 0px)); color: var(--_accent); }
button {
  font: inherit; min-height: var(--_target); min-width: var(--_target); padding: .35em 1em; border-radius: var(--_radius);
  border: 1px solid var(--_line); background: var(--_ground); color: var(--_text); cursor: pointer;
}
button:hover { background: var(--_soft); }
button.main { background: var(--_accent); border-color: var(--_accent); color: var(--_on-accent); font-weight: 600; padding-inline: 1.5em; }
button.main:hover { filter: brightness(.92); }
button[aria-disabled="true"] { background: var(--_soft); color: var(--_muted); border-color: var(--_line); border-style: dashed; cursor: default; font-weight: 400; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.25rem; align-items: center; }
.foot { border-top: 1px solid var(--_faint); margin-top: 1.5rem; padding-top: 1rem; }
.card { border: 1px solid var(--_faint); border-radius: var(--_radius); background: var(--_soft); padding: 1rem 1.25rem; margin-top: 1rem; }
.reason { border-inline-start: 5px solid var(--_warn); }
.good { border-inline-start: 5px solid var(--_good); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.25rem; margin: .5rem 0 0; }
dt { color: var(--_muted); }
dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
.timer { font-size: 1.35em; font-weight: 600; font-variant-numeric: tabular-nums; }
.timer.late { color: var(--_warn); }
ul { list-style: none; margin: .5rem 0 0; padding: 0; display: grid; gap: .5rem; }
.heard { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 26rem) {
  .box { padding: .75rem; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
  .actions button { flex: 1 1 100%; }
}
@media (forced-colors: active) {
  .choice label, button, .card { border: 2px solid; }
  .choice.no label { border-style: dashed; }
  .choice input:checked + label { border-color: Highlight; outline: 3px solid Highlight; outline-offset: -3px; }
  button.main { border-color: Highlight; forced-color-adjust: none; background: Highlight; color: HighlightText; }
}
@media (prefers-reduced-motion: no-preference) {
  .choice label, button { transition: background-color .12s; }
}
@media print {
  .tools, .actions, .note, .heard, .step { display: none !important; }
  .box { padding: 0; max-width: none; } .card { border-color: #000; background: none; }
}
`;
