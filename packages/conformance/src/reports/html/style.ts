/** Light and dark by the reader's setting. Statuses are told by sign and word as well as by colour. */
export const STYLE = `
:root{color-scheme:light dark;--ink:light-dark(#1c2024,#e6e8ea);--soft:light-dark(#5b636b,#a3abb3);--ground:light-dark(#fff,#14171a);
--panel:light-dark(#f6f7f8,#1d2125);--line:light-dark(#d9dde1,#343a40);--accent:light-dark(#0b5cad,#7ab8ff);
--p:light-dark(#136c2e,#57c878);--f:light-dark(#b3261e,#ff8a80);--n:light-dark(#5b636b,#a3abb3);--x:light-dark(#8a5a00,#e8b04a);
--bar:light-dark(#bcd6f2,#274766);--shade:light-dark(#0003,#fff3)}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:78rem;margin:auto;padding:1.5rem 1rem 4rem}[id]{scroll-margin-top:3.2rem}
nav{position:sticky;top:0;z-index:1;display:flex;gap:0 1.2rem;overflow-x:auto;white-space:nowrap;background:var(--ground);border-bottom:1px solid var(--line);padding:.5rem 0}
nav a{color:var(--accent)}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 .5rem}h2{font-size:1.25rem;margin:2.5rem 0 .75rem}h3{font-size:1rem;margin:1rem 0 .4rem}
h2 small,summary small{color:var(--soft);font-weight:400;font-size:.85em}p{margin:.4rem 0;max-width:50rem}
code,pre{font:.875em ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}pre{max-height:20rem;overflow:auto}
a{color:var(--accent)}:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.verdict{font-size:1.1rem;font-weight:600}.p{color:var(--p)}.f{color:var(--f)}.n,.o{color:var(--n)}.x{color:var(--x)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:1rem}
.card{background:var(--panel);border:1px solid var(--line);border-radius:.5rem;padding:.8rem 1rem;min-width:0;overflow-wrap:anywhere}
.card h3{margin:0;font-size:1.1rem}.device{color:var(--soft);margin:0 0 .6rem;overflow-wrap:anywhere}
.bar{display:flex;gap:2px;height:.6rem}.bar span{min-width:4px;background:currentColor;border-radius:2px}
.totals{list-style:none;display:flex;flex-wrap:wrap;gap:0 1rem;padding:0;margin:.4rem 0}
dl{display:grid;grid-template-columns:auto 1fr;gap:.1rem .8rem;margin:.5rem 0;font-size:.9rem}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
summary{cursor:pointer}table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
.limits{width:100%}.limits th{font-weight:400;text-align:left;color:var(--soft)}.limits td{text-align:right}
.scroll,.matrix,nav{overflow-x:auto;max-width:100%}
.scroll{background:linear-gradient(90deg,var(--ground) 30%,transparent) left/3rem 100% no-repeat local,linear-gradient(270deg,var(--ground) 30%,transparent) right/3rem 100% no-repeat local,linear-gradient(90deg,var(--shade),transparent) left/1rem 100% no-repeat,linear-gradient(270deg,var(--shade),transparent) right/1rem 100% no-repeat}
.scroll::-webkit-scrollbar,.matrix::-webkit-scrollbar{height:.6rem;width:.6rem}.scroll::-webkit-scrollbar-thumb,.matrix::-webkit-scrollbar-thumb{background:var(--soft);border-radius:1rem}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.cause{border:1px solid var(--line);border-radius:.5rem;padding:.6rem .8rem;margin:.6rem 0}.cause>summary b{font-size:1.05rem}.cause>summary small{display:block;margin-left:1.2em;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.where{color:var(--soft);font-size:.875rem;max-width:none}.where span{white-space:nowrap}.failure .scroll{--ground:var(--panel)}
.failure{border-left:3px solid var(--f);background:var(--panel);padding:.5rem .8rem;margin:.6rem 0;border-radius:0 .4rem .4rem 0}
.failure summary code{font-weight:600}.tag{font-size:.8rem;font-weight:600;border:1px solid currentColor;border-radius:1rem;padding:0 .5rem}
.thrown{overflow-wrap:anywhere}.repeat{color:var(--soft)}
.differences td,.differences th,.numbers td,.numbers th,.times td,.times th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}
.differences td:first-child{min-width:12rem;overflow-wrap:anywhere}thead th{color:var(--soft);font-weight:400}
#controls{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center}#controls[hidden]{display:none}
input,select,button{font:inherit;color:inherit;background:var(--ground);border:1px solid var(--line);border-radius:.3rem;padding:.3rem .6rem;max-width:100%}
button{cursor:pointer;background:var(--panel)}#shown{color:var(--soft)}
.legend{display:flex;flex-wrap:wrap;gap:0 1.2rem;font-size:.875rem;max-width:none}
.p::before,.f::before,.n::before,.x::before,.o::before{font-weight:700}
.legend .p::before,.s.p::before{content:"✓ " / ""}.legend .f::before,.s.f::before{content:"✗ " / ""}
.legend .n::before,.s.n::before{content:"– " / ""}.legend .x::before,.s.x::before{content:"! " / ""}.legend .o::before,.s.o::before{content:"· " / ""}
.matrix{--least:max(5.5rem,var(--word)*.7rem + .5rem);--cell:minmax(var(--least),9rem);border:1px solid var(--line);border-radius:.5rem}
.matrix>*{min-width:calc(13rem + var(--least)*var(--columns))}
.heads,.group>summary,.matrix tr{display:grid;grid-template-columns:minmax(11rem,1fr) repeat(var(--columns),var(--cell));align-items:center}
.heads{font-weight:600;padding:.5rem .8rem;background:var(--panel);font-size:.9rem;overflow-wrap:break-word}.heads span{min-width:0;padding-right:.3rem}
.group{border-top:1px solid var(--line)}.group>summary{padding:.4rem .8rem;list-style:none}.group>summary>span:first-child{min-width:0;padding-right:.4rem;overflow-wrap:break-word;position:relative;padding-left:1.2em}.group>summary::-webkit-details-marker{display:none}
.group>summary>span:first-child::before{content:"▸" / "";position:absolute;left:0;color:var(--soft)}.group[open]>summary>span:first-child::before{content:"▾" / ""}
.group[open]>summary{background:var(--panel)}.group>summary:hover{background:var(--panel)}.matrix table,.matrix tbody{display:block}
.matrix tr{padding:0 .8rem}.matrix tr[hidden]{display:none}.matrix tbody tr:hover{background:var(--panel)}
.matrix thead.hidden{display:block}.matrix th{font-weight:400;text-align:left;padding-left:1.2em}
.matrix th button{all:unset;cursor:pointer;font:.85rem/1.6 ui-monospace,Menlo,Consolas,monospace;overflow-wrap:break-word}.matrix tr>th{min-width:0}
.matrix th button:hover{text-decoration:underline}.matrix th button:focus-visible{outline:2px solid var(--accent)}
.s{font-size:.875rem}span.s{display:inline-block;white-space:nowrap}.s i{font-style:normal}td.s.p i{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.histogram{margin-bottom:1rem}.histogram th,.histogram td{padding:.2rem .5rem;text-align:right;vertical-align:bottom;white-space:nowrap}
.histogram th:first-child{text-align:left;padding-left:0}
.histogram td:not(.largest){height:4.2rem;min-width:4rem;border-bottom:1px solid var(--line);vertical-align:top;background:linear-gradient(var(--bar),var(--bar)) bottom/calc(100% - 4px) calc(var(--v)*.58) no-repeat}

.histogram tbody tr+tr td,.histogram tbody tr+tr th{border-top:.6rem solid transparent;background-clip:padding-box;background-origin:padding-box}.histogram .zero{color:var(--soft)}
.times td{min-width:8rem;background:linear-gradient(var(--bar),var(--bar)) left/var(--v) 70% no-repeat;padding-left:.3rem}.times th[scope=row]{white-space:nowrap}
details>.scroll{margin-top:.5rem}.slowest{list-style:none;padding:0;margin:.4rem 0;font-size:.875rem}.slowest li{display:grid;grid-template-columns:4.5rem 1fr;margin:.3rem 0;line-height:1.35}.slowest span{color:var(--soft)}
figure{margin:1rem 0}figcaption{font-size:.9rem}.routing .scroll{max-height:44rem;overflow:auto}.routing svg{display:block;margin:.5rem 0;max-width:none}.routing text{fill:var(--soft);font-size:.75px}
.ground{fill:var(--panel)}.load{fill:var(--soft)}.choice{fill:var(--accent)}.changed{fill:none;stroke:var(--f);stroke-width:.14}
.roofline{display:block;width:100%;min-width:34rem;max-width:56rem;height:auto}.numbers td,.numbers th{white-space:nowrap}.roofline text{fill:var(--soft);font-size:12px}.grid{stroke:var(--line);fill:none}
.roof{fill:none;stroke:var(--c);stroke-width:1.5;stroke-dasharray:5 4}circle{fill:var(--c)}.hollow{fill:var(--ground);stroke:var(--c);stroke-width:2}
.c0{--c:light-dark(#0b5cad,#7ab8ff)}.c1{--c:light-dark(#b34700,#ffab70)}.c2{--c:light-dark(#136c2e,#57c878)}
.c3{--c:light-dark(#7d3cb5,#cfa3f5)}.c4{--c:light-dark(#a3195b,#ff8fbf)}.c5{--c:light-dark(#5e6200,#d0d35c)}
.key{list-style:none;display:flex;flex-wrap:wrap;gap:0 1.2rem;padding:0;margin:.3rem 0}.key svg{width:.8em;margin-right:.4em}
dialog{width:min(60rem,100vw - 1rem);max-height:92vh;border:1px solid var(--line);border-radius:.5rem;background:var(--ground);color:var(--ink);padding:1rem}
dialog::backdrop{background:#0008}dialog form{display:flex;gap:1rem;align-items:start;justify-content:space-between;position:sticky;top:-1rem;background:var(--ground);padding:.3rem 0}
dialog h2{margin:0;overflow-wrap:anywhere;font-size:1.1rem}.difference{background:var(--panel);padding:.5rem .8rem;border-radius:.4rem}
@media(max-width:40rem){main{padding:1rem .75rem 3rem}.matrix{--least:max(3.6rem,var(--word)*.62rem + .5rem);--cell:var(--least)}.matrix>*{min-width:calc(9rem + var(--least)*var(--columns))}
.heads,.group>summary,.matrix tr{grid-template-columns:minmax(8rem,1fr) repeat(var(--columns),var(--cell));padding-left:.5rem;padding-right:.3rem}
.heads{font-size:.75rem}.group>summary{font-size:.9rem}.matrix td i{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.differences,.differences tbody,.differences tr,.differences td{display:block}.differences thead{display:none}.differences tr{padding:.4rem 0;border-top:1px solid var(--line)}
.differences td{display:grid;grid-template-columns:6rem 1fr;padding:0}.differences td::before{content:attr(data-head);color:var(--soft)}}
@media print{#controls,dialog{display:none}}
`;
