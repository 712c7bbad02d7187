/** `@martlet/sdk/react`: functions as hooks. */
export { MartletProvider, useMartlet } from './client-context.ts';
export { useFunction, type FunctionCall, type FunctionCallState } from './use-function.ts';
export { useFunctionStream, type FunctionStreamCall } from './use-function-stream.ts';
