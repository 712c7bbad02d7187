import type { FunctionConfig, FunctionContext } from 'martlet';

export const config: FunctionConfig = { schedule: '* * * * * *', timezone: 'Europe/Berlin' };

export default (_request: Request, ctx: FunctionContext): Response => {
  ctx.log('tick %d', (ctx.execution.scheduledAt ?? 0) / 1000);
  return new Response(null, { status: 204 });
};
