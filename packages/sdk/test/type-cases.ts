/** Programs that use the SDK under one state of its registries each. What must not compile stands under `@ts-expect-error`. */

const EQUAL = `
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_is: Equal<A, B>): void => undefined;
`;

const AUGMENTED = `
declare module '@martlet/sdk' {
  interface FunctionRegistry {
    'orders/process': { input: { id: string; note?: string }; output: { total: number } };
    'ping': { input: undefined; output: 'pong' };
    'search': { input: { text?: string }; output: string[] };
    'loose': { input: unknown; output: unknown };
  }
  interface FunctionNameRegistry {
    'orders/process': true;
    'ping': true;
    'search': true;
    'loose': true;
    'only-named': true;
  }
}
export {};
`;

const BASE44 = `
import '@base44/sdk';
declare module '@base44/sdk' {
  interface FunctionNameRegistry {
    'orders/process': true;
    'hello': true;
  }
}
`;

const NAMED = `
import { createClient, type FunctionName } from '@martlet/sdk';
${EQUAL}
same<FunctionName, 'orders/process' | 'hello'>(true);
const { functions } = createClient({ url: 'http://x' });
export const { data } = await functions.invoke<{ total: number }>('orders/process', { anything: 1 });
same<typeof data, { total: number }>(true);
// @ts-expect-error no function has this name
await functions.invoke('orders/proces', {});
`;

export interface TypeCase {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  /** Where the package is found; default: under its own name. */
  readonly packages?: readonly string[];
  readonly types?: readonly string[];
}

export const typeCases: readonly TypeCase[] = [
  {
    name: 'without generated types any name and any data is taken',
    files: {
      'use.ts': `
import { createClient, createClientFromRequest, FunctionError, Query, ExecutionStatus } from '@martlet/sdk';
import type { FunctionName, FunctionResult, MartletClient, ServerSentEvent, Execution } from '@martlet/sdk';
import { createAdmin } from '@martlet/sdk/admin';
${EQUAL}
same<FunctionName, string>(true);
interface Order { id: string }
const order: Order = { id: '1' };
const client: MartletClient = createClient({ url: 'http://x', project: 'p', token: 't' });
export const plain = await client.functions.invoke('any/name', order, { timeout: 5, headers: { a: 'b' } });
same<typeof plain, FunctionResult<unknown>>(true);
export const typed = await client.functions.invoke<{ total: number }>('any/name');
same<typeof typed.data, number extends 0 ? never : { total: number }>(true);
await client.functions.invoke('any', new FormData());
// @ts-expect-error named parameters only
await client.functions.invoke('any', 'text');
for await (const event of client.functions.stream('chat', { prompt: 'hi' }, { as: 'sse' })) same<typeof event, ServerSentEvent>(true);
for await (const piece of client.functions.stream('chat', undefined, { as: 'text' })) same<typeof piece, string>(true);
for await (const item of client.functions.stream<{ n: number }>('chat', { prompt: 'hi' })) same<typeof item, { n: number }>(true);
export const response = await client.functions.fetch('a/b?c', { method: 'PUT', timeout: 5 });
same<typeof response, Response>(true);
export const execution = await client.functions.createExecution('f', '{}', false, '/', 'GET');
same<typeof execution, Execution>(true);
// @ts-expect-error not a method
await client.functions.createExecution({ functionId: 'f', method: 'BREW' });
export const ended = execution.status === ExecutionStatus.Completed;
await client.functions.listExecutions({ functionId: 'f', queries: [Query.equal('status', 'failed'), Query.limit(5)] });
export default async (request: Request): Promise<Response> => {
  try {
    const { data } = await createClientFromRequest(request).asServiceRole.functions.invoke('any');
    return Response.json(data);
  } catch (error) {
    if (error instanceof FunctionError) return Response.json({ code: error.code, body: error.data }, { status: error.status });
    throw error;
  }
};
await createAdmin(client.asServiceRole).secrets.set('A', 'b');
await createAdmin({ url: 'http://x', apiKey: 'k' }).events.send({ type: 't' });
`,
    },
  },
  {
    name: 'with generated types names, input and output are checked',
    files: {
      'types.d.ts': AUGMENTED,
      'use.ts': `
import { createClient, type FunctionInput, type FunctionName, type FunctionOutput } from '@martlet/sdk';
${EQUAL}
same<FunctionName, 'orders/process' | 'ping' | 'search' | 'loose' | 'only-named'>(true);
same<FunctionInput<'orders/process'>, { id: string; note?: string }>(true);
same<FunctionOutput<'orders/process'>, { total: number }>(true);
const { functions } = createClient({ url: 'http://x' });
export const made = await functions.invoke('orders/process', { id: '1' });
same<typeof made.data, { total: number }>(true);
await functions.invoke('orders/process', new FormData());
await functions.invoke('orders/process', { id: '1', note: 'n' }, { timeout: 5 });
// @ts-expect-error the input is needed
await functions.invoke('orders/process');
// @ts-expect-error a key is missing
await functions.invoke('orders/process', {});
// @ts-expect-error of another type
await functions.invoke('orders/process', { id: 1 });
// @ts-expect-error no such key
await functions.invoke('orders/process', { id: '1', other: 2 });
// @ts-expect-error no function has this name
await functions.invoke('orders/proces', { id: '1' });
export const believed = await functions.invoke<{ other: 1 }>('orders/process', { id: '1' });
same<typeof believed.data, { other: 1 }>(true);
// @ts-expect-error no function has this name
await functions.invoke<{ other: 1 }>('orders/proces', { id: '1' });
export const pong = await functions.invoke('ping');
same<typeof pong.data, 'pong'>(true);
export const found = await functions.invoke('search');
same<typeof found.data, string[]>(true);
await functions.invoke('search', { text: 'x' });
// @ts-expect-error of another type
await functions.invoke('search', { text: 1 });
export const loose = await functions.invoke('loose', { anything: 1 });
same<typeof loose.data, unknown>(true);
await functions.invoke('loose');
await functions.invoke<{ a: 1 }>('only-named', { anything: 1 });
for await (const text of functions.stream('orders/process', { id: '1' }, { as: 'text' })) same<typeof text, string>(true);
// @ts-expect-error a key is missing
functions.stream('orders/process', {});
`,
      'react.ts': `
import { useFunction, useFunctionStream } from '@martlet/sdk/react';
${EQUAL}
export function useOrder(): number | undefined {
  const { data, error, state, invoke, abort } = useFunction('orders/process');
  same<typeof data, { total: number } | undefined>(true);
  same<typeof error, Error | undefined>(true);
  same<typeof state, 'idle' | 'pending' | 'success' | 'error'>(true);
  void invoke({ id: '1' }, { timeout: 5 });
  // @ts-expect-error of another type
  void invoke({ id: 1 });
  const stream = useFunctionStream('ping', { as: 'text' });
  same<typeof stream.items, readonly string[]>(true);
  void stream.start();
  abort();
  return data?.total;
}
`,
    },
  },
  {
    name: 'what the CLI of Base44 generates holds here, with its module named by this package',
    files: { 'types.d.ts': BASE44, 'use.ts': NAMED },
    types: ['@martlet/sdk/base44'],
  },
  {
    name: 'what the CLI of Base44 generates holds where this package stands in for it',
    files: { 'types.d.ts': BASE44, 'use.ts': NAMED.replace("'@martlet/sdk'", "'@base44/sdk'") },
    packages: ['@base44/sdk'],
  },
];
