import type { FunctionContext } from 'martlet';

export default (_request: Request, { user }: FunctionContext): Response => Response.json({ user: user?.id ?? null });
