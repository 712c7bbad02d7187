/** What `/console/device` shows, one view for each step. Every value goes through `html`, which escapes it. */
import { html } from 'hono/html';
import type { DeviceLoginQuestion } from '../../services/identity/device-logins.ts';

type Html = ReturnType<typeof html>;

function page(title: string, content: Html): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${title} · Martlet</title>
        <link rel="stylesheet" href="/console/device/style.css" />
      </head>
      <body>
        <main>
          <p class="brand">Martlet</p>
          <h1>${title}</h1>
          ${content}
        </main>
      </body>
    </html>`;
}

const alertOf = (problem: string | undefined): Html | '' =>
  problem === undefined ? '' : html`<p class="problem" role="alert">${problem}</p>`;

/** Asks for the code. */
export function renderCodeForm({ code, problem }: { code: string; problem?: string }): Html {
  return page(
    'Log a terminal in',
    html`<p>Type the code that <code>martlet login</code> shows in the terminal.</p>
      ${alertOf(problem)}
      <form method="get" action="/console/device">
        <label for="code">Code</label>
        <input
          id="code"
          name="code"
          class="code"
          value="${code.slice(0, 20)}"
          placeholder="XXXX-XXXX"
          required
          autofocus
          maxlength="20"
          autocomplete="off"
          autocapitalize="characters"
          spellcheck="false"
        />
        <div class="buttons"><button class="allow">Continue</button></div>
      </form>`,
  );
}

/** Shows who asks for what, and asks for a key and a decision. */
export function renderQuestion({ question, now, problem }: { question: DeviceLoginQuestion; now: number; problem?: string }): Html {
  const { userCode, machine, projectId, scopes, address, createdAt } = question;
  return page(
    'Allow this terminal?',
    html`<p class="shown"><span class="code">${userCode}</span><span class="dim">Is it the code that your terminal shows?</span></p>
      <dl>
        <dt>Machine</dt>
        <dd>${machine}</dd>
        <dt>Address</dt>
        <dd>${address} <span class="dim">${ago(now - createdAt)}</span></dd>
        <dt>Project</dt>
        <dd>${projectId}</dd>
        <dt>It may</dt>
        <dd>
          ${
            scopes === null
              ? 'do all that your key may'
              : html`<ul class="scopes">
                  ${scopes.map((scope) => html`<li><code>${scope}</code></li>`)}
                </ul>`
          }
        </dd>
      </dl>
      ${alertOf(problem)}
      <form method="post" action="/console/device">
        <input type="hidden" name="code" value="${userCode}" />
        <label for="key">Your API key</label>
        <input
          id="key"
          name="key"
          type="password"
          required
          maxlength="512"
          autocomplete="off"
          spellcheck="false"
          aria-describedby="about-key"
        />
        <p class="dim" id="about-key">
          It needs the scope <code>keys.write</code>. The terminal never sees it: it gets a new key that can do no more than yours, for at
          most 90 days.
        </p>
        <div class="buttons">
          <button class="allow" name="decision" value="allow">Allow</button>
          <button class="deny" name="decision" value="deny">Deny</button>
        </div>
      </form>
      <p class="warning">Allow it only if you started this login yourself, just now. Whoever sent you a link may be who waits.</p>`,
  );
}

export function renderEnd(verdict: 'allowed' | 'denied', { machine }: DeviceLoginQuestion): Html {
  if (verdict === 'denied')
    return page(
      'Denied',
      html`<p class="end denied">The terminal on <b>${machine}</b> gets no key.</p>
        <p class="dim">You can close this page.</p>`,
    );
  return page(
    'Allowed',
    html`<p class="end allowed">The terminal on <b>${machine}</b> gets its key within seconds.</p>
      <p class="dim">
        You can close this page. The key is called <i>martlet login on ${machine}</i>: <code>martlet keys list</code> shows it,
        <code>martlet keys delete</code> takes it away.
      </p>`,
  );
}

function ago(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  return minutes < 1 ? 'just now' : `${minutes} min ago`;
}
