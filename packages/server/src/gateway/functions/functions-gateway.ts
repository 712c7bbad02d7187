/** The data plane: HTTP in, one execution, HTTP out. On bare node:http, as a framework costs 5 to 58 µs a request here. */
import { PlatformError } from '@martlet/protocol';
import type { Principal } from '../../domain/principal.ts';
import { assertAllowed, type CallerRate } from '../../services/identity/caller-rate.ts';
import type { Credentials } from '../../services/principals.ts';
import type { Log } from '../../ports/system/log.ts';
import type { FunctionRoutes } from '../../services/invoke/function-routes.ts';
import { after } from '../../services/invoke/after.ts';
import type { Starter } from '../../services/invoke/invocation.ts';
import { isDocument, makeDocument, writeDocument, type DocumentOptions } from './answer-document.ts';
import { createCors } from './cors.ts';
import { addressOfHost, addressOfUrl, type FunctionAddress } from './function-address.ts';
import { signalOf } from './connection-signal.ts';
import { HttpCaller } from './http-caller.ts';
import type { LeanRequest, LeanResponse } from './lean-http.ts';
import { clientAddress } from '../session/client-address.ts';
import { sessionOf } from '../session/session-credentials.ts';
import { originOf, readBody, readHeaders, type ReadHeaders } from './read-request.ts';

export interface FunctionsGatewayOptions {
  readonly invoke: Starter;
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
  const needs = { cors, log };

  return {
    handle(request, response) {
      let address: FunctionAddress | undefined;
      try {
        const url = originForm(request.url ?? '/');
        address = addressOfHost(request.headers.host, url, options.functionsDomain) ?? addressOfUrl(url);
      } catch (error) {
        new HttpCaller(request, response, needs).refused(error);
        return true;
      }
      if (address === undefined) return false;
      const caller = new HttpCaller(request, response, needs);
      if (isDocument(address, request.method)) void describe(caller, address);
      else answer(caller, address);
      return true;
    },
  };

  function answer(caller: HttpCaller, address: FunctionAddress): void {
    try {
      const preflight = cors.preflight(caller.request);
      if (preflight !== undefined) {
        caller.response.writeHead(204, [...preflight]).end();
        return;
      }
      const started = start(caller, address);
      if (started instanceof Promise) started.catch((error: unknown) => caller.refused(error));
    } catch (error) {
      caller.refused(error);
    }
  }

  async function describe(caller: HttpCaller, address: FunctionAddress): Promise<void> {
    const { request, response } = caller;
    try {
      const headers = readHeaders(request.rawHeaders);
      const principal = await options.identify(credentialsOf(request, headers, address));
      if (options.rate !== undefined) assertAllowed(options.rate.take(principal, rateAddress(request)));
      const { defaultProjectId } = options;
      const projectId = address.projectId ?? headers.project ?? projectOf(principal) ?? defaultProjectId;
      const document = await makeDocument({ request, address, principal, projectId, defaultProjectId }, options.document);
      writeDocument(response, document, cors.headersFor(request));
    } catch (error) {
      caller.refused(error);
    }
  }

  /** @throws {PlatformError} at once or as a rejection */
  function start(caller: HttpCaller, address: FunctionAddress): void | Promise<void> {
    const { request, response } = caller;
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
        return after(body, (whole) =>
          options.invoke.start(
            {
              projectId,
              functionId: route.routed.fn.id,
              routed,
              principal,
              trigger: 'http',
              method,
              origin: originOf(request),
              path: (route.subPath === '' ? '/' : route.subPath) + address.query,
              headers: headers.forFunction,
              body: whole,
              clientIp: clientIp(request),
              hops: principal.kind === 'execution' ? principal.hops + 1 : 0,
              signal,
            },
            caller,
          ),
        );
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
