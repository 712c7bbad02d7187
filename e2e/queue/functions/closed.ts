import type { FunctionConfig } from 'martlet';

export const config: FunctionConfig = { execute: [] };

export default (): Response => new Response('for keys only');
