/** The data plane: HTTP in, one execution, HTTP out. On bare node:http, as a framework costs 5 to 58 µs a request here. */
import { PlatformError } from '@martlet/protocol';
import type { Principal } from '../../domain/principal.ts';
import { assertAllowed, type CallerRate } from '../../services/identity/caller-rate.ts';
import type { Credentials } from '../../services/principals.ts';
import type { Log } from '../../ports/system/log.ts';
import type { FunctionRoutes } from '../../services/invoke/function-routes.ts';
import { after } from '../../services/invoke/after.ts';
import type { Invoke, Invoked, InvokeRequest } from '../../services/invoke/invocation.ts';
import { isDocument, makeDocument, writeDocument, type DocumentOptions } from './answer-document.ts';
import { createCors } from './cors.ts';
import { addressOfHost, addressOfUrl, type FunctionAddress } from './function-address.ts';
import { signalOf } from './connection-signal.ts';
import type { LeanRequest, LeanResponse } from './lean-http.ts';
import { clientAddress } from '../session/client-address.ts';
import { sessionOf } from '../session/session-credentials.ts';
import { originOf, readBody, readHeaders, type ReadHeaders } from './read-request.ts';
import { toRefusal, writeError, writeOutcome } from './write-outcome.ts';

export interface FunctionsGatewayOptions {
  readonly invoke: Invoke;
  readonly routes: FunctionRoutes;
  identify(credentials: Credentials): Principal | Promise<Principal>;
  readonly defaultProjectId: string;
  readonly document: DocumentOptions;
  /** Domain whose sub-domains are functions; empty: none. */
  readonly functionsDomain: string;
  readonly corsOrigins: readonly string[];
  /** Whether X-Forwarded-For of the peer is to be believed. */
  readonly trustProxy: boolean;
  /** How often a caller may call; undefined: as often as it likes. */
  readonly rate: CallerRate | undefined;
  readonly log: Log;
}

export interface FunctionsGateway {
  /** @returns false when the request is not for the data plane */
  handle(request: LeanRequest, response: LeanResponse): boolean;
}

/** Methods that a `Request` cannot have. */
const FORBIDDEN_METHODS = new Set(['CONNECT', 'TRACE', 'TRACK']);

export function createFunctionsGateway(options: FunctionsGatewayOptions): FunctionsGateway {
  const { routes, log } = options;
  const cors = createCors(options.corsOrigins);

  return {
    handle(request, response) {
      let address: FunctionAddress | undefined;
      try {
        const url = originForm(request.url ?? '/');
        address = addressOfHost(request.headers.host, url, options.functionsDomain) ?? addressOfUrl(url);
      } catch (error) {
        refuse(request, response, error);
        return true;
      }
      if (address === undefined) return false;
      if (isDocument(address, request.method)) void describe(request, response, address);
      else answer(request, response, address);
      return true;
    },
  };

  function answer(request: LeanRequest, response: LeanResponse, address: FunctionAddress): void {
    const preflight = cors.preflight(request);
    if (preflight !== undefined) {
      response.writeHead(204, [...preflight]).end();
      return;
    }
    const onRefusal = (error: unknown): void => refuse(request, response, error);
    try {
      const invoked = after(parse(request, response, address), (parsed) => options.invoke.invoke(parsed)) as Promise<Invoked>;
      invoked.then((value) => {
        try {
          writeOutcome(response, value, cors.headersFor(request))?.catch(onRefusal);
        } catch (error) {
          onRefusal(error);
        }
      }, onRefusal);
    } catch (error) {
      onRefusal(error);
    }
  }

  async function describe(request: LeanRequest, response: LeanResponse, address: FunctionAddress): Promise<void> {
    try {
      const headers = readHeaders(request.rawHeaders);
      const principal = await options.identify(credentialsOf(request, headers, address));
      if (options.rate !== undefined) assertAllowed(options.rate.take(principal, rateAddress(request)));
      const { defaultProjectId } = options;
      const projectId = address.projectId ?? headers.project ?? projectOf(principal) ?? defaultProjectId;
      const document = await makeDocument({ request, address, principal, projectId, defaultProjectId }, options.document);
      writeDocument(response, document, cors.headersFor(request));
    } catch (error) {
      refuse(request, response, error);
    }
  }

  /** @throws {PlatformError} */
  function parse(request: LeanRequest, response: LeanResponse, address: FunctionAddress): InvokeRequest | Promise<InvokeRequest> {
    const method = request.method ?? 'GET';
    if (FORBIDDEN_METHODS.has(method)) throw new PlatformError('general_bad_request', `Cannot call a function with the method ${method}.`);
    const headers = readHeaders(request.rawHeaders);
    const signal = signalOf(request.socket, response);
    return after(options.identify(credentialsOf(request, headers, address)), (principal) => {
      if (options.rate !== undefined) assertAllowed(options.rate.take(principal, rateAddress(request)));
      const projectId = address.projectId ?? headers.project ?? projectOf(principal) ?? options.defaultProjectId;
      return after(routes.byPath(projectId, address.path), (route) => {
        if (route === null) {
          throw new PlatformError('function_not_found', `Cannot find a function for "${address.path}" in project "${projectId}".`);
        }
        const body = readBody(request);
        // Whoever waits for a body may find another deployment after it.
        const routed = body instanceof Promise ? undefined : route.routed;
        return after(body, (whole) => ({
          projectId,
          functionId: route.routed.fn.id,
          routed,
          principal,
          trigger: 'http' as const,
          method,
          origin: originOf(request),
          path: (route.subPath === '' ? '/' : route.subPath) + address.query,
          headers: headers.forFunction,
          body: whole,
          clientIp: clientIp(request),
          hops: principal.kind === 'execution' ? principal.hops + 1 : 0,
          signal,
        }));
      });
    });
  }

  function credentialsOf(request: LeanRequest, { credentials, project }: ReadHeaders, address: FunctionAddress): Credentials {
    const { key, bearer, jwt, session } = credentials;
    const named = address.projectId ?? project;
    if (session === undefined) return { apiKey: key, bearer, token: jwt, project: named };
    const { origin, host, 'sec-fetch-site': fetchSite } = request.headers;
    const facts = { ...session, origin, host, fetchSite: fetchSite?.toString() };
    const shown = sessionOf(facts, named ?? options.defaultProjectId, options.corsOrigins);
    return { apiKey: key, bearer, token: jwt, session: shown, project: named };
  }

  function rateAddress({ socket, headers }: LeanRequest): string {
    return clientAddress(socket.remoteAddress ?? '', headers['x-forwarded-for']?.toString(), options.trustProxy);
  }

  function clientIp(request: LeanRequest): string {
    const forwarded = options.trustProxy ? request.headers['x-forwarded-for'] : undefined;
    const first = typeof forwarded === 'string' ? forwarded.split(',', 1)[0]?.trim() : undefined;
    return first !== undefined && first !== '' ? first : (request.socket.remoteAddress ?? '');
  }

  function refuse(request: LeanRequest, response: LeanResponse, error: unknown): void {
    const refusal = toRefusal(error);
    if (refusal.code === 'general_server_error') log.error({ error: refusal.cause, url: request.url }, 'Cannot answer a request');
    writeError(response, {
      code: refusal.code,
      message: refusal.message,
      retryAfterSeconds: refusal.retryAfterSeconds,
      extraHeaders: cors.headersFor(request),
    });
  }
}

const ABSOLUTE = /^https?:\/\/[^/?#]*/i;

/** Proxies may send the whole URL as the target of a request (RFC 9112, section 3.2.2). */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const rest = target.replace(ABSOLUTE, '');
  return rest.startsWith('/') || rest === target ? rest : `/${rest}`;
}

function projectOf(principal: Principal): string | undefined {
  return principal.kind === 'anonymous' ? undefined : principal.projectId;
}
