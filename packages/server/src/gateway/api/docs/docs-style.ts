/** Style of the docs page; a resource of its own, so that the page needs no inline style. */
export const docsStyle = `
:root { color-scheme: light dark; --line: light-dark(#d8d8d4, #3a3a38); --dim: light-dark(#666660, #a0a09a); --code: light-dark(#f3f3ef, #232322); }
body { margin: 0 auto; max-width: 58rem; padding: 2rem 1.25rem 6rem; font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.8rem; margin-bottom: 0; }
h2 { margin: 3rem 0 0.5rem; text-transform: capitalize; }
nav a { margin-right: 1rem; }
details { border-top: 1px solid var(--line); padding: 0.6rem 0; }
summary { cursor: pointer; display: flex; gap: 0.75rem; flex-wrap: wrap; align-items: baseline; }
summary b { width: 4.2rem; font: 600 0.8rem ui-monospace, monospace; }
code { font: 0.88rem ui-monospace, monospace; background: var(--code); padding: 0.1rem 0.3rem; border-radius: 0.2rem; overflow-wrap: anywhere; }
summary span, .dim { color: var(--dim); }
table { border-collapse: collapse; width: 100%; margin: 0.4rem 0 1rem; }
td, th { border-top: 1px solid var(--line); padding: 0.3rem 0.6rem 0.3rem 0; text-align: left; vertical-align: top; font-size: 0.92rem; }
`;
