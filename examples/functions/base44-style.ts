/**
 * A function as Base44 takes it: `Deno.serve`, `npm:` imports with exact versions and no package.json, and their SDK,
 * whose client is made from the headers that the platform adds to every request. It runs as it is.
 *
 *   curl -H 'content-type: application/json' -d '{"name":"Ada","times":2}' http://127.0.0.1:8787/functions/base44-style
 */
import { createClientFromRequest } from 'npm:@base44/sdk@0.8.50';
import { z } from 'npm:zod@4.6.7';

const Input = z.object({ name: z.string().min(1).max(80), times: z.number().int().min(1).max(5).default(1) });

Deno.serve(async (req: Request) => {
  const input = Input.safeParse(await req.json().catch(() => undefined));
  if (!input.success) return Response.json({ error: z.prettifyError(input.error) }, { status: 400 });

  const base44 = createClientFromRequest(req);
  const answers: string[] = [];
  for (let time = 0; time < input.data.times; time += 1) {
    const { data } = await base44.functions.invoke('hello', { name: input.data.name });
    answers.push(data.greeting);
  }
  console.log(`asked ${answers.length} time(s) for ${input.data.name}`);
  return Response.json({ answers });
});
