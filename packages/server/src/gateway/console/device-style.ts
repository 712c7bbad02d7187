/** Style of `/console/device`; a resource of its own, so that the page needs no inline style. */
export const deviceStyle = `
:root {
  color-scheme: light dark;
  --back: light-dark(#f4f4f1, #161615); --card: light-dark(#ffffff, #20201f); --text: light-dark(#1d1d1b, #ececea);
  --line: light-dark(#dcdcd7, #3a3a38); --dim: light-dark(#63635d, #a3a39c); --field: light-dark(#fafaf8, #181817);
  --accent: light-dark(#1f5f8b, #6cb4e4); --on-accent: light-dark(#ffffff, #10202b);
  --bad: light-dark(#a1261d, #f2978f); --bad-back: light-dark(#fdeeec, #3a1f1d); --good: light-dark(#1f6b3a, #7fd09b);
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem 1rem; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 27rem; padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: 0.9rem; box-shadow: 0 1px 2px rgb(0 0 0 / 0.06), 0 12px 32px rgb(0 0 0 / 0.07); }
.brand { margin: 0; color: var(--dim); font-size: 0.85rem; font-weight: 600; letter-spacing: 0.04em; }
h1 { margin: 0.1rem 0 1.1rem; font-size: 1.5rem; line-height: 1.25; }
p { margin: 0.75rem 0; }
code { font: 0.88em ui-monospace, monospace; overflow-wrap: anywhere; }
.dim { color: var(--dim); font-size: 0.88rem; }
.shown { display: flex; flex-direction: column; gap: 0.15rem; align-items: center; margin: 0 0 1.25rem; padding: 0.9rem; background: var(--field); border: 1px solid var(--line); border-radius: 0.6rem; }
.code { font: 600 1.5rem/1.4 ui-monospace, monospace; letter-spacing: 0.08em; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.35rem 1.1rem; margin: 0 0 1.25rem; }
dt { color: var(--dim); }
dd { margin: 0; overflow-wrap: anywhere; }
.scopes { display: flex; flex-wrap: wrap; gap: 0.3rem; margin: 0; padding: 0; list-style: none; }
.scopes li { padding: 0 0.4rem; border: 1px solid var(--line); border-radius: 0.3rem; background: var(--field); }
label { display: block; margin-bottom: 0.3rem; font-weight: 600; }
input { width: 100%; padding: 0.6rem 0.75rem; color: inherit; background: var(--field); border: 1px solid var(--line); border-radius: 0.5rem; font: inherit; }
input.code { text-align: center; text-transform: uppercase; font: 600 1.5rem/1.4 ui-monospace, monospace; }
input.code::placeholder { color: var(--dim); opacity: 0.5; }
form .dim { margin: 0.4rem 0 0; }
.buttons { display: flex; gap: 0.6rem; margin-top: 1.25rem; }
button { flex: 1; padding: 0.65rem 1rem; border: 1px solid var(--line); border-radius: 0.5rem; background: transparent; color: inherit; font: 600 1rem system-ui, sans-serif; cursor: pointer; }
button.allow { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button:hover { filter: brightness(1.08); }
button.deny:hover { border-color: var(--bad); color: var(--bad); }
:is(button, input):focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.problem { padding: 0.6rem 0.8rem; border-radius: 0.5rem; background: var(--bad-back); color: var(--bad); }
.warning { margin: 1.4rem 0 0; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--dim); font-size: 0.88rem; }
.end.allowed { color: var(--good); font-weight: 600; }
.end.denied { color: var(--bad); font-weight: 600; }
`;
