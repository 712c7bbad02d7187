import type { FunctionConfig, FunctionContext } from 'martlet';

export const config: FunctionConfig = { events: ['orders.*'] };

export default async (request: Request, ctx: FunctionContext): Promise<Response> => {
  ctx.log('%s %s', request.headers.get('ce-type'), await request.text());
  return new Response(null, { status: 204 });
};
