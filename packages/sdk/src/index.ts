/** `@martlet/sdk`: calls functions from pages, apps, servers and from functions themselves. */
export { createClient, type Caller, type MartletClient } from './client.ts';
export { createClientFromRequest, type RequestWithHeaders } from './client-from-request.ts';
export type { ClientOptions, SessionStorage } from './options.ts';
export type { Account, CreateUser, EmailPassword } from './account.ts';
export type { Executions, LogsOptions } from './executions/executions.ts';
export type { Progress } from './executions/progress.ts';
export type { FunctionResult } from './functions/answer.ts';
export type { CreateExecution, FunctionExecutions, ListExecutions, OneExecution } from './functions/function-executions.ts';
export type { FetchInit, FunctionStream, Functions, InvokeOptions, StreamOptions } from './functions/functions.ts';
export type { StreamFormat } from './streams/read-stream.ts';
export type { ServerSentEvent } from './streams/sse-parser.ts';
export type { ApiOptions, CallApi } from './transport/http.ts';
export { AbortError, ApiError, FunctionError, MartletError, NetworkError, StreamError, TimeoutError } from './errors.ts';
export { Query } from './query.ts';
export { ExecutionMethod, ExecutionStatus } from './resources.ts';
export type { Execution, ExecutionList, Header, LogLine, Session, User } from './resources.ts';
// All of them, so that `declare module '@martlet/sdk'` merges with the registries that are exported here.
export type * from './registry.ts';
