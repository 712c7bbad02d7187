/** Who called a function over HTTP: whatever comes of the call is written to its response. */
import type { Log } from '../../ports/system/log.ts';
import type { Caller, Invoked } from '../../services/invoke/invocation.ts';
import type { Cors } from './cors.ts';
import type { LeanRequest, LeanResponse } from './lean-http.ts';
import { toRefusal, writeError, writeOutcome } from './write-outcome.ts';

/** What all callers share. */
export interface CallerNeeds {
  readonly cors: Cors;
  readonly log: Log;
}

export class HttpCaller implements Caller {
  readonly request: LeanRequest;
  readonly response: LeanResponse;
  readonly #needs: CallerNeeds;

  constructor(request: LeanRequest, response: LeanResponse, needs: CallerNeeds) {
    this.request = request;
    this.response = response;
    this.#needs = needs;
  }

  answered(invoked: Invoked): void {
    try {
      const written = writeOutcome(this.response, invoked, this.#needs.cors.headersFor(this.request));
      written?.catch((error: unknown) => this.refused(error));
    } catch (error) {
      this.refused(error);
    }
  }

  refused(error: unknown): void {
    const { request, response } = this;
    const { cors, log } = this.#needs;
    try {
      const refusal = toRefusal(error);
      if (refusal.code === 'general_server_error') log.error({ error: refusal.cause, url: request.url }, 'Cannot answer a request');
      writeError(response, {
        code: refusal.code,
        message: refusal.message,
        retryAfterSeconds: refusal.retryAfterSeconds,
        extraHeaders: cors.headersFor(request),
      });
    } catch (failure) {
      // The only honest sign left is a connection that breaks.
      log.error({ error: failure, url: request.url }, 'Cannot say why a request is not answered');
      response.destroy();
    }
  }
}
