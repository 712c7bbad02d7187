/**
 * A function that calls another one, several times at once, through the platform's front door. `MARTLET_URL` is the
 * platform as it is reached from inside; the calls carry their depth, so that a loop of functions is broken off.
 *
 *   curl 'http://127.0.0.1:8787/functions/greet-all?names=Ada,Grace,Edsger'
 */
import type { FunctionContext } from 'martlet';

const NAMES_MAX = 20;

export default async (request: Request, ctx: FunctionContext): Promise<Response> => {
  const names = (new URL(request.url).searchParams.get('names') ?? 'Ada,Grace').split(',').slice(0, NAMES_MAX);
  const greetings = await Promise.all(names.map((name) => greet(name, ctx)));
  ctx.log('greeted %d', greetings.length);
  return Response.json({ greetings });
};

async function greet(name: string, ctx: FunctionContext): Promise<string> {
  const response = await fetch(`${ctx.env['MARTLET_URL']}/functions/hello?name=${encodeURIComponent(name)}`, { signal: ctx.signal });
  if (!response.ok) throw new Error(`Cannot greet ${name}: hello answered ${response.status} ${await response.text()}`);
  const { greeting } = (await response.json()) as { greeting: string };
  return greeting;
}
