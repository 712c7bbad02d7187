/** The `ctx` of a handler. Its parts are made when they are asked for. */
import type { AnswerJson, FunctionContext, FunctionLog } from '@martlet/protocol/function-types';
import type { LoadMessage, RequestHead } from '@martlet/protocol/frames';
import { formatLog } from '../console/format-log.ts';
import { denoServeInfo, type DenoServeInfo } from '../deno/deno-serve.ts';
import type { Execution } from './execution.ts';

export class ExecutionContext implements FunctionContext {
  readonly #execution: Execution;
  readonly #message: LoadMessage;
  #log: FunctionLog | undefined;
  /** Set by `checkInput`, for functions that declare their input. */
  declare readonly input: undefined;

  constructor(execution: Execution, message: LoadMessage) {
    this.#execution = execution;
    this.#message = message;
  }

  // Properties, not prototype methods, so that `const { waitUntil } = ctx` works.
  readonly waitUntil = (work: Promise<unknown>): void => this.#execution.waitUntil(work);

  get log(): FunctionLog {
    return (this.#log ??= createLog(this.#execution));
  }

  get json(): AnswerJson {
    return answerJson;
  }

  get env(): FunctionContext['env'] {
    return process.env;
  }

  get user(): FunctionContext['user'] {
    const { userId } = this.#execution.head;
    return userId === '' ? undefined : { id: userId };
  }

  get signal(): AbortSignal {
    return this.#execution.signal;
  }

  /** For handlers of `Deno.serve`, whose second argument has these two. */
  get remoteAddr(): DenoServeInfo['remoteAddr'] {
    return denoServeInfo(this.#execution.head.clientIp, this.#execution.completed).remoteAddr;
  }

  get completed(): Promise<void> {
    return this.#execution.completed;
  }

  get execution(): FunctionContext['execution'] {
    const { head, startedAt } = this.#execution;
    return {
      id: head.executionId,
      trigger: head.trigger as FunctionContext['execution']['trigger'],
      deadline: startedAt + head.timeoutMs,
      function: this.#message.functionName,
      deployment: this.#message.deploymentId,
      project: this.#message.projectId,
      attempt: Number(headerOf(head, 'x-martlet-attempt') ?? 1),
      scheduledAt: timeOf(headerOf(head, 'x-martlet-scheduled-at')),
    };
  }
}

/** Headers with these names are the queue's: no caller gets one past the gateway. */
function headerOf({ headers }: RequestHead, name: string): string | undefined {
  const at = headers.findIndex((one, index) => index % 2 === 0 && one === name);
  return at === -1 ? undefined : headers[at + 1];
}

const timeOf = (isoDate: string | undefined): number | undefined => (isoDate === undefined ? undefined : Date.parse(isoDate));

const answerJson = ((body: unknown, init?: ResponseInit) => Response.json(body, init)) as AnswerJson;

function createLog(execution: Execution): FunctionLog {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (...values: unknown[]): void => {
      execution.log(level, level === 'error' ? 'errors' : 'logs', formatLog(values));
    };
  return Object.assign(at('info'), { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') });
}
