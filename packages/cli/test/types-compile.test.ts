/** Generated types with the compilers that people have: what flows from the sources of functions to the code that calls them. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readProject } from '../src/project/read-project.ts';
import { generateTypes } from '../src/types/generated-types.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const compilers = [
  ['5.9', 'typescript-5.9'],
  ['6', 'typescript-6'],
  ['7', 'typescript'],
] as const;

/** The part of the client that types need; the registries are declared as the client declares them. */
const SDK = `
export interface FunctionNameRegistry {}
export interface FunctionRegistry {}
export type FunctionName = [keyof FunctionNameRegistry] extends [never] ? string : Extract<keyof FunctionNameRegistry, string>;
type Entry<Name> = Name extends keyof FunctionRegistry ? FunctionRegistry[Name] : { input: unknown; output: unknown };
export declare function invoke<Name extends FunctionName>(name: Name, data: Entry<Name> extends { input: infer I } ? I : never): Promise<Entry<Name> extends { output: infer O } ? O : never>;
`;

const functions = {
  'functions/orders/process.ts': `
import { z } from 'zod';
import type { FunctionContext } from 'martlet';
export const input = z.object({ id: z.string(), count: z.coerce.number<string>().default(1) });
export default async (request: Request, ctx: FunctionContext<typeof input>) => {
  const count: number = ctx.input.count;
  if (count > 99) return ctx.json({ error: 'too many' }, { status: 422 });
  return ctx.json({ total: count, at: new Date(), note: count > 1 ? 'many' : undefined });
};`,
  'functions/valibot.ts': `
import * as v from 'valibot';
import type { FunctionContext } from 'martlet';
export const input = v.object({ tags: v.array(v.string()) });
export default { fetch: (request: Request, ctx: FunctionContext<typeof input>) => ctx.json(ctx.input.tags.length) };`,
  'functions/ark.ts': `
import { type } from 'arktype';
export const input = type({ 'amount?': 'number' });
export type Output = { paid: boolean };
declare const Deno: { serve(handler: (request: Request) => Response): void };
Deno.serve(() => Response.json({ paid: true }));`,
  'functions/appwrite.ts': `
export type Input = { city: string };
export interface Output { degrees: number }
export default ({ req, res }: { req: { bodyJson: Input }; res: { json(value: Output): unknown } }) => res.json({ degrees: req.bodyJson.city.length });`,
  'functions/typed.ts': `
import type { FunctionHandler } from 'martlet';
const handler: FunctionHandler<{ who: string }, { greeting: string }> = (_, ctx) => ctx.json({ greeting: ctx.input.who });
export type Input = { who: string };
export default handler;`,
  'functions/plain.ts': `export default () => Response.json({ anything: true });`,
  'functions/old.js': `export default (request) => new Response(request.url);`,
  'functions/deno.ts': `import { z } from 'npm:zod@4.6.7';\nexport const input = z.object({});\nexport default () => new Response('');`,
  'functions/by-shared.ts': `import { y } from '../shared/y.ts';\nexport default () => y;`,
  'shared/y.ts': `export * from 'jsr:@std/encoding@1';\nexport const y = 1;`,
};

const CALLER = `
import { invoke, type FunctionName } from '@martlet/sdk';
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(..._: Same<A, B> extends true ? [] : [A, 'is not', B]): void => undefined;

same<FunctionName, 'orders/process' | 'valibot' | 'ark' | 'appwrite' | 'typed' | 'plain' | 'old' | 'deno' | 'by-shared'>();
const order = await invoke('orders/process', { id: 'o1', count: '2' });
same<typeof order, { total: number; at: string; note: string | undefined }>();
await invoke('orders/process', { id: 'o1' });
// @ts-expect-error the id is missing
await invoke('orders/process', { count: '2' });
// @ts-expect-error there is no such function
await invoke('orders/proces', { id: 'o1' });
const count = await invoke('valibot', { tags: ['a'] });
same<typeof count, number>();
// @ts-expect-error tags are text
await invoke('valibot', { tags: [1] });
const paid = await invoke('ark', { amount: 3 });
same<typeof paid, { paid: boolean }>();
// @ts-expect-error an amount is a number
await invoke('ark', { amount: 'much' });
const weather = await invoke('appwrite', { city: 'Basel' });
same<typeof weather, { degrees: number }>();
const greeting = await invoke('typed', { who: 'you' });
same<typeof greeting, { greeting: string }>();
const plain = await invoke('plain', 1);
same<typeof plain, unknown>();
const old = await invoke('old', 1);
same<typeof old, unknown>();
`;

/** Three mistakes, so that a compiler that sees nothing is seen. */
const WRONG = `
import { invoke } from '@martlet/sdk';
const count: string = await invoke('valibot', { tags: ['a'] });
await invoke('valibot', {});
export const total: boolean = (await invoke('orders/process', { id: count })).total;
`;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-types-'));
  await write({
    ...functions,
    'caller.ts': CALLER,
    'wrong.ts': WRONG,
    'package.json': '{"type":"module"}',
    'node_modules/@martlet/sdk/package.json': '{"name":"@martlet/sdk","type":"module","exports":{".":{"types":"./index.d.ts"}}}',
    'node_modules/@martlet/sdk/index.d.ts': SDK,
    'tsconfig.json': `{
  // Comments stay.
  "compilerOptions": { "strict": true, "module": "nodenext", "target": "es2024", "lib": ["es2024", "dom", "dom.iterable"], "types": ["node"], "noEmit": true },
  "include": ["caller.ts", "wrong.ts"]
}`,
  });
  for (const name of ['zod', 'valibot', 'arktype', '@ark', 'arkregex', '@types', 'undici-types'])
    await symlink(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  await symlink(join(ROOT, 'packages/cli'), join(folder, 'node_modules/martlet'));
  const { files } = await generateTypes(folder, await readProject(folder));
  expect(files).toEqual([{ file: 'martlet/.types/types.d.ts', changed: true, include: { state: 'added', file: 'tsconfig.json' } }]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function write(texts: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(texts)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

/** What the compiler says; nothing when it is content. */
function compile(compiler: string, args: readonly string[] = []): Promise<string> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(ROOT, 'node_modules', compiler, 'bin/tsc'), '-p', folder, ...args], (error, stdout, stderr) =>
      resolve(error === null ? stdout : `${stdout}${stderr}${stdout === '' ? error.message : ''}`),
    );
  });
}

describe.each(compilers)('TypeScript %s', (version, compiler) => {
  test('is the one that is meant', async () => {
    expect(await compile(compiler, ['--version'])).toContain(`Version ${version}.`);
  });

  test('checks arguments and types results by the sources of the functions, and sees what is wrong', { timeout: 120_000 }, async () => {
    const complaints = await compile(compiler, version === '7' ? [] : ['--skipLibCheck']);
    const errors = [...complaints.matchAll(/^(?:.*\/)?(\S+)\(\d+,\d+\): error/gm)].map(([, file]) => file);
    expect(errors, complaints).toEqual(['wrong.ts', 'wrong.ts', 'wrong.ts']);
  });
});
