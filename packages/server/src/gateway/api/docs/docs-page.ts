/** The OpenAPI document as a page for people: no script, no foreign resource. */
import { html } from 'hono/html';
import type { ApiDocument } from './openapi-document.ts';

type Html = ReturnType<typeof html>;

/** The few parts of a schema that the page shows; everything else in it is of no interest here. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
}
interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
  readonly description?: string;
}
interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly description?: string;
    readonly schema?: Schema;
  }[];
  readonly requestBody?: Content;
  readonly responses?: Readonly<Record<string, Content>>;
}
interface Route {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

type Resolve = (schema: Schema | undefined) => Schema;

export function renderDocs(document: ApiDocument): Html {
  const schemas = (document.components?.schemas ?? {}) as Readonly<Record<string, Schema>>;
  const resolve: Resolve = (schema = {}) => (schema.$ref === undefined ? schema : (schemas[nameOf(schema.$ref)] ?? {}));
  const groups = Map.groupBy(routesOf(document), ({ operation }) => operation.tags?.[0] ?? 'other');
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${document.info.title} API</title>
        <link rel="stylesheet" href="/v1/docs/style.css" />
      </head>
      <body>
        <h1>${document.info.title} API</h1>
        <p class="dim">Version ${document.info.version} · <a href="/v1/openapi.json">OpenAPI 3.1</a></p>
        <p>${document.info.description ?? ''}</p>
        <p>
          Send an API key as <code>X-Martlet-Key</code>, <code>X-Appwrite-Key</code> or <code>Authorization: Bearer</code>. Errors are
          <code>{ message, code, type, version }</code>; branch on <code>type</code>.
        </p>
        <nav>${[...groups.keys()].map((name) => html`<a href="#${name}">${name}</a>`)}</nav>
        ${[...groups].map(
          ([name, routes]) =>
            html`<h2 id="${name}">${name}</h2>
              ${routes.map((route) => renderRoute(route, resolve))}`,
        )}
      </body>
    </html>`;
}

/** The document is our own; its type says less than we know. */
function routesOf(document: ApiDocument): Route[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item as Readonly<Record<string, Operation>>).map(([method, operation]) => ({ method, path, operation })),
  );
}

function renderRoute({ method, path, operation }: Route, resolve: Resolve): Html {
  const scopes = (operation.security ?? []).flatMap((each) => Object.values(each).flat());
  return html`<details>
    <summary><b>${method.toUpperCase()}</b><code>${path}</code><span>${operation.summary ?? ''}</span></summary>
    ${operation.description === undefined ? '' : html`<p>${operation.description}</p>`}
    <p class="dim">
      ${scopes.length === 0 ? 'Open to everybody.' : html`Scope: ${scopes.map((scope, at) => html`${at === 0 ? '' : ' or '}<code>${scope}</code>`)}`}
    </p>
    ${renderParameters(operation)}${renderBody('Body', operation.requestBody, resolve)}
    ${Object.entries(operation.responses ?? {})
      .filter(([status]) => status !== 'default')
      .map(([status, answer]) => renderBody(`Answer ${status}`, answer, resolve))}
  </details>`;
}

function renderParameters({ parameters = [] }: Operation): Html | '' {
  if (parameters.length === 0) return '';
  return html`<p>Parameters</p>
    <table>
      ${parameters.map(({ name, in: where, required, description, schema }) =>
        renderRow(name, { schema: schema ?? {}, required: required === true, note: `${where}. ${description ?? ''}` }),
      )}
    </table>`;
}

function renderBody(title: string, body: Content | undefined, resolve: Resolve): Html | '' {
  if (body === undefined) return '';
  const [type, media] = Object.entries(body.content ?? {})[0] ?? [];
  const whole = resolve(media?.schema);
  const properties = Object.entries(whole.properties ?? {});
  return html`<p>
      ${title}${type === undefined ? '' : html` <code>${type}</code>`}${body.description === undefined ? '' : html` <span class="dim">${body.description}</span>`}
    </p>
    ${
      properties.length === 0
        ? ''
        : html`<table>
            ${properties.map(([name, schema]) => renderRow(name, { schema, required: whole.required?.includes(name) === true, note: '' }))}
          </table>`
    }`;
}

function renderRow(name: string, { schema, required, note }: { schema: Schema; required: boolean; note: string }): Html {
  return html`<tr>
    <td><code>${name}</code>${required ? '' : html` <span class="dim">optional</span>`}</td>
    <td>${describe(schema)}</td>
    <td>${schema.description ?? ''} <span class="dim">${note}</span></td>
  </tr>`;
}

function describe(schema: Schema): string {
  if (schema.$ref !== undefined) return nameOf(schema.$ref);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.anyOf !== undefined) return schema.anyOf.map(describe).join(' | ');
  if (schema.items !== undefined) return `list of ${describe(schema.items)}`;
  const type = typeof schema.type === 'string' ? schema.type : (schema.type ?? ['object']).join(' | ');
  const range = schema.minimum !== undefined && schema.maximum !== undefined ? ` ${schema.minimum}–${schema.maximum}` : '';
  return `${type}${range}${schema.maxLength === undefined ? '' : ` ≤ ${schema.maxLength} characters`}`;
}

const nameOf = (ref: string): string => ref.slice(ref.lastIndexOf('/') + 1);
