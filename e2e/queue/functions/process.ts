/** Works through an order; a bad one it refuses each time, another attempt follows at once. */
import type { FunctionConfig, FunctionContext } from 'martlet';

export const config: FunctionConfig = { retries: { attempts: 2, backoff: { initial: 0.05, factor: 1, jitter: 0 } } };

export default async (request: Request, ctx: FunctionContext): Promise<Response> => {
  const text = await request.text();
  ctx.log('attempt %d of %s', ctx.execution.attempt, text);
  if (text.includes('bad')) throw new RangeError('a bad order');
  return Response.json({ processed: text });
};
