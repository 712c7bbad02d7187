/** Without settings of its own, so that those of whoever creates the function count. */
import type { FunctionContext } from 'martlet';

export default (request: Request, ctx: FunctionContext): Response => {
  ctx.log('%s %s', ctx.execution.trigger, request.headers.get('x-appwrite-event') ?? 'no event');
  return new Response(null, { status: 204 });
};
