/**
 * The error registry: every refusal and every failure of the platform or of a function has its code here and nowhere
 * else. A released code is never renamed and never reused; retire it instead. `docs/reference/errors.md` is generated
 * from this table.
 */

/** Who has to act: the caller, the function's author, the operator of the server, or Martlet itself. */
export type Fault = 'caller' | 'function' | 'operator' | 'platform';

export interface ErrorSpec {
  /** HTTP status of the answer when this code reaches a caller. */
  readonly status: number;
  readonly fault: Fault;
  /** Whether the same request may succeed later, unchanged. */
  readonly retry: boolean;
  /** What happened, in words for the reader of the docs; the thrown error carries the particulars. */
  readonly message: string;
  /** What to do next. */
  readonly remedy: string;
}

export const errorSpecs = {
  // Requests that cannot be understood or are not allowed.
  general_argument_invalid: { status: 400, fault: 'caller', retry: false, message: 'A parameter is missing or has a value that is not allowed.', remedy: 'The message names the parameter and what is allowed; correct it and send again.' },
  general_bad_request: { status: 400, fault: 'caller', retry: false, message: 'The request cannot be processed as it was sent.', remedy: 'The message says which part of the request to change.' },
  general_query_invalid: { status: 400, fault: 'caller', retry: false, message: 'A list query is not valid.', remedy: 'The message names the query and the reason.' },
  general_cursor_not_found: { status: 400, fault: 'caller', retry: false, message: 'The item that a page cursor points at does not exist.', remedy: 'Start again from the first page.' },
  general_route_not_found: { status: 404, fault: 'caller', retry: false, message: 'No route has this method and path.', remedy: 'See /v1/docs for the routes.' },
  general_unauthorized_scope: { status: 401, fault: 'caller', retry: false, message: 'The caller lacks the scope that the route asks for.', remedy: 'Use an API key that has the scope named in the message.' },
  general_access_forbidden: { status: 401, fault: 'caller', retry: false, message: 'The project of the request is not known or not usable.', remedy: 'Send the project id in the X-Appwrite-Project or X-Martlet-Project header.' },
  general_unknown_origin: { status: 403, fault: 'caller', retry: false, message: 'A page of this origin may not call the server.', remedy: 'Allow the origin in the configuration of the server.' },
  general_rate_limit_exceeded: { status: 429, fault: 'caller', retry: true, message: 'Too many requests at once, or within the time of a rate limit.', remedy: 'Wait for the seconds in Retry-After, then send again.' },
  general_server_error: { status: 500, fault: 'platform', retry: true, message: 'The platform failed to answer.', remedy: 'Look for the request id in the server log, and report it.' },
  project_not_found: { status: 404, fault: 'caller', retry: false, message: 'No project has this id.', remedy: 'Check the project id of the URL or header.' },
  project_key_expired: { status: 401, fault: 'caller', retry: false, message: 'The API key has expired.', remedy: 'Create a new key.' },
  user_unauthorized: { status: 401, fault: 'caller', retry: false, message: 'The caller may not execute this function.', remedy: 'Call with a principal that the execute roles of the function name, or change those roles.' },
  user_not_found: { status: 404, fault: 'caller', retry: false, message: 'No user has this id.', remedy: 'List the users with `martlet users list`.' },
  user_already_exists: { status: 409, fault: 'caller', retry: false, message: 'A user with this id or e-mail address exists already.', remedy: 'Sign in as that user, or choose another id or address.' },
  user_blocked: { status: 403, fault: 'caller', retry: false, message: 'The user is blocked.', remedy: 'Unblock the user with `martlet users unblock`.' },
  user_invalid_credentials: { status: 401, fault: 'caller', retry: false, message: 'The e-mail address or the password is wrong.', remedy: 'Check both; set a new password with PATCH /v1/users/{userId}/password.' },
  user_session_already_exists: { status: 401, fault: 'caller', retry: false, message: 'The caller is signed in already.', remedy: 'Delete the session first: DELETE /v1/account/sessions/current.' },
  user_session_not_found: { status: 404, fault: 'caller', retry: false, message: 'No session of the user has this id.', remedy: 'List the sessions of the user.' },
  user_jwt_invalid: { status: 401, fault: 'caller', retry: false, message: 'The token of a user cannot be accepted.', remedy: 'The message has the reason; get a new token from POST /v1/account/jwts or from the issuer.' },
  user_jwt_and_cookie_set: { status: 403, fault: 'caller', retry: false, message: 'A request carries a session and a token of a user at once.', remedy: 'Send one of them.' },
  user_jwt_creation_denied: { status: 403, fault: 'caller', retry: false, message: 'A token cannot be made by a caller who shows a token.', remedy: 'Ask with the session itself, as a cookie or in X-Appwrite-Session.' },
  login_pending: { status: 400, fault: 'caller', retry: true, message: 'Nobody has decided on the login of a terminal yet.', remedy: 'Ask again after the seconds of `interval`.' },
  login_slow_down: { status: 400, fault: 'caller', retry: true, message: 'A terminal asks for its login more often than it was told to.', remedy: 'Wait five seconds longer between all the requests that follow.' },
  login_expired: { status: 400, fault: 'caller', retry: false, message: 'The login of a terminal has expired, was completed, or never was.', remedy: 'Start anew with `martlet login`.' },
  login_denied: { status: 400, fault: 'caller', retry: false, message: 'The login of a terminal was denied.', remedy: 'Start anew with `martlet login`, and allow it.' },
  team_not_found: { status: 404, fault: 'caller', retry: false, message: 'No team has this id.', remedy: 'List the teams with GET /v1/teams.' },
  team_already_exists: { status: 409, fault: 'caller', retry: false, message: 'A team with this id exists already.', remedy: 'Choose another id.' },
  membership_not_found: { status: 404, fault: 'caller', retry: false, message: 'No membership of the team has this id.', remedy: 'List the memberships of the team.' },
  membership_already_exists: { status: 409, fault: 'caller', retry: false, message: 'The user is a member of the team already, or the id is taken.', remedy: 'Delete the membership first to give it other roles.' },
  oidc_not_found: { status: 404, fault: 'caller', retry: false, message: 'The project trusts no issuer.', remedy: 'Set one with PUT /v1/project/oidc.' },
  oidc_unavailable: { status: 503, fault: 'operator', retry: true, message: 'The keys of the trusted issuer cannot be read.', remedy: 'The message has the reason: check the issuer of the project and that the server may reach it.' },
  request_too_large: { status: 413, fault: 'caller', retry: false, message: 'The request body is over the limit.', remedy: 'Send less, or stream: a function that reads its body as a stream has no such limit.' },

  // Functions, deployments, variables, executions.
  function_not_found: { status: 404, fault: 'caller', retry: false, message: 'No function has this name or id.', remedy: 'List the functions with `martlet functions list`, deploy it with `martlet deploy`.' },
  function_name_invalid: { status: 400, fault: 'caller', retry: false, message: 'The function name is not allowed.', remedy: 'Use segments of letters, digits, dots, hyphens and underscores that start with a letter or a digit, separated by single slashes.' },
  function_already_exists: { status: 409, fault: 'caller', retry: false, message: 'A function with this id or name exists already.', remedy: 'Choose another id, or update the existing function.' },
  function_entrypoint_missing: { status: 404, fault: 'caller', retry: false, message: 'Neither the deployment nor the function names an entrypoint.', remedy: 'Send an entrypoint with the deployment, or set one on the function.' },
  function_config_invalid: { status: 400, fault: 'caller', retry: false, message: 'The settings of the function are not valid.', remedy: 'The message names the file and the key.' },
  function_input_invalid: { status: 400, fault: 'caller', retry: false, message: 'The input does not fit the schema that the function declares.', remedy: 'The answer lists the fields, each with its path and what is wrong; `GET /functions/openapi.json` has the schema.' },
  function_runtime_unsupported: { status: 404, fault: 'caller', retry: false, message: 'The runtime is not one that this server has.', remedy: 'List the runtimes with GET /v1/functions/runtimes.' },
  function_not_ready: { status: 503, fault: 'caller', retry: true, message: 'The function has no deployment that can answer yet.', remedy: 'The message has the state of the build; `martlet deployments logs` shows why.' },
  function_disabled: { status: 404, fault: 'caller', retry: false, message: 'The function is disabled.', remedy: 'Enable it with `martlet functions` or the API.' },
  function_concurrency_exceeded: { status: 429, fault: 'caller', retry: true, message: 'The function runs as many executions as it may, and its queue is full.', remedy: 'Wait for the seconds in Retry-After, or raise `concurrency` of the function.' },
  deployment_not_found: { status: 404, fault: 'caller', retry: false, message: 'No deployment has this id, or the function has no active deployment.', remedy: 'List the deployments with `martlet deployments list`.' },
  deployment_invalid_file_size: { status: 400, fault: 'caller', retry: false, message: 'The deployment archive is over the size limit.', remedy: 'Leave files out (node_modules is never needed), or raise the limit of the server.' },
  deployment_archive_invalid: { status: 400, fault: 'caller', retry: false, message: 'The deployment archive is damaged or holds entries that are not allowed.', remedy: 'Pack regular files and folders only, with relative paths, as .tar.gz.' },
  storage_file_empty: { status: 400, fault: 'caller', retry: false, message: 'The upload has no file.', remedy: 'Send the archive as the multipart field `code`.' },
  storage_file_type_unsupported: { status: 400, fault: 'caller', retry: false, message: 'The uploaded file is not a .tar.gz archive.', remedy: 'Pack the sources with tar and gzip.' },
  storage_invalid_content_range: { status: 400, fault: 'caller', retry: false, message: 'The Content-Range of a chunk is not valid.', remedy: 'Send `bytes <first>-<last>/<size>` with chunks of 5 MiB.' },
  storage_invalid_range: { status: 416, fault: 'caller', retry: false, message: 'The Range of a download is not valid.', remedy: 'Send `bytes=<first>-<last>` within the size of the file.' },
  schedule_not_found: { status: 404, fault: 'caller', retry: false, message: 'No schedule has this id.', remedy: 'List the schedules with `martlet schedules list`.' },
  schedule_already_exists: { status: 409, fault: 'caller', retry: false, message: 'A schedule with this id exists already.', remedy: 'Choose another id, or change the existing schedule.' },
  schedule_of_settings: { status: 400, fault: 'caller', retry: false, message: 'The schedule stands in the settings of its function.', remedy: 'Change `schedule` in the settings of the function, or make a schedule of its own.' },
  schedule_invalid: { status: 400, fault: 'caller', retry: false, message: 'The schedule is not valid, or can never run.', remedy: 'The message names the field and what is allowed there.' },
  event_name_invalid: { status: 400, fault: 'caller', retry: false, message: 'The name of an event, or a pattern of names, is not valid.', remedy: 'The message shows the part that is wrong and what is allowed.' },
  event_not_found: { status: 404, fault: 'caller', retry: false, message: 'No event has this source and id, or it is past retention.', remedy: 'List the events with `martlet events list`.' },
  event_invalid: { status: 400, fault: 'caller', retry: false, message: 'The request holds no valid CloudEvents 1.0 event.', remedy: 'The message names the attribute of the event and what is allowed.' },
  event_queue_full: { status: 429, fault: 'caller', retry: true, message: 'As many events of the project wait to be dispatched as may.', remedy: 'Wait for the seconds in Retry-After, then send again: the same source and id is the same event.' },
  event_too_large: { status: 413, fault: 'caller', retry: false, message: 'An event, or a batch of events, is over the limit.', remedy: 'Send fewer events at once; keep large data elsewhere and send its address.' },
  webhook_not_found: { status: 404, fault: 'caller', retry: false, message: 'No webhook, or no delivery of it, has this id.', remedy: 'List the webhooks with GET /v1/webhooks, their deliveries with GET /v1/webhooks/{id}/deliveries.' },
  webhook_already_exists: { status: 409, fault: 'caller', retry: false, message: 'A webhook with this id exists already.', remedy: 'Choose another id, or change the existing webhook.' },
  webhook_invalid: { status: 400, fault: 'caller', retry: false, message: 'The webhook is not valid.', remedy: 'The message names the field and what is allowed there.' },
  webhook_signature_invalid: { status: 401, fault: 'caller', retry: false, message: 'The signature of a webhook is missing, too old or not from its sender.', remedy: 'Check the secret on both sides, the clock of the sender, and that nothing between changed the body.' },
  build_not_ready: { status: 400, fault: 'caller', retry: true, message: 'The build of the deployment is not ready.', remedy: 'Wait for status ready, or look at its build log.' },
  build_already_completed: { status: 400, fault: 'caller', retry: false, message: 'The build has ended and cannot be canceled.', remedy: 'Nothing needs to be done.' },
  build_failed: { status: 400, fault: 'function', retry: false, message: 'The build failed.', remedy: 'The build log names the file and the line.' },
  build_timed_out: { status: 400, fault: 'function', retry: true, message: 'The build took longer than it may.', remedy: 'Use fewer or smaller dependencies, or raise the build limit of the server.' },
  build_interrupted: { status: 503, fault: 'platform', retry: true, message: 'The server stopped while it was building.', remedy: 'Deploy again; the live deployment was not touched.' },
  variable_not_found: { status: 404, fault: 'caller', retry: false, message: 'No variable has this id.', remedy: 'List the variables of the function.' },
  variable_already_exists: { status: 409, fault: 'caller', retry: false, message: 'A variable with this id or key exists already.', remedy: 'Update the existing variable.' },
  variable_cannot_unset_secret: { status: 400, fault: 'caller', retry: false, message: 'A secret variable cannot be made readable.', remedy: 'Delete it and create it anew.' },
  execution_not_found: { status: 404, fault: 'caller', retry: false, message: 'No execution has this id, or its record is past retention.', remedy: 'List the executions of the function.' },
  execution_in_progress: { status: 400, fault: 'caller', retry: true, message: 'The execution is still running.', remedy: 'Cancel it first, or wait for its end.' },
  key_already_exists: { status: 409, fault: 'caller', retry: false, message: 'An API key with this id exists already.', remedy: 'Choose another id, or leave it out.' },
  key_not_found: { status: 404, fault: 'caller', retry: false, message: 'No API key has this id.', remedy: 'List the keys with `martlet keys list`.' },

  // How an execution can fail: recorded on the execution, and answered to a caller that waits.
  execution_threw: { status: 500, fault: 'function', retry: false, message: 'The function threw an error.', remedy: 'The execution record has the error with its stack.' },
  execution_answered_error: { status: 500, fault: 'function', retry: true, message: 'The function answered with a status of 500 or above.', remedy: 'The answer is the function\'s own; its log has more.' },
  execution_no_response: { status: 500, fault: 'function', retry: false, message: 'The function ended without a response.', remedy: 'Return a Response, or `res.empty()` in an Appwrite-style function.' },
  execution_response_invalid: { status: 500, fault: 'function', retry: false, message: 'The function answered with a status or a header that HTTP does not allow.', remedy: 'The execution record names the value.' },
  execution_timed_out: { status: 504, fault: 'function', retry: true, message: 'The function ran longer than its timeout; it was stopped.', remedy: 'Make it faster, raise `timeout`, or run it asynchronously.' },
  execution_sync_timed_out: { status: 408, fault: 'caller', retry: false, message: 'The caller waited as long as a synchronous call may.', remedy: 'Execute asynchronously, and read the execution later.' },
  execution_out_of_memory: { status: 500, fault: 'function', retry: false, message: 'The function used more memory than its limit; it was stopped.', remedy: 'Use less memory at a time, or raise `memory`.' },
  execution_crashed: { status: 502, fault: 'function', retry: true, message: 'The process of the function ended while it was executing.', remedy: 'Look for process.exit, native code or a neighbour execution in its record.' },
  execution_load_failed: { status: 503, fault: 'function', retry: false, message: 'The code of the function could not be loaded.', remedy: 'The execution record has the error with file and line.' },
  execution_canceled: { status: 499, fault: 'caller', retry: true, message: 'The execution was canceled, or its caller went away.', remedy: 'Nothing needs to be done.' },
  execution_not_replayable: { status: 400, fault: 'caller', retry: false, message: 'The execution cannot be run again.', remedy: 'Call the function anew; only failed asynchronous executions keep what they were called with.' },
  execution_expired: { status: 410, fault: 'caller', retry: true, message: 'The execution waited beyond the time until which it was worth running.', remedy: 'Enqueue it again with a later expiry, or raise the concurrency of the function.' },
  execution_idempotency_conflict: { status: 409, fault: 'caller', retry: false, message: 'The idempotency key belongs to another request.', remedy: 'Use a new key for a new request; the same key only with the same function, path, headers and body.' },
  execution_queue_full: { status: 429, fault: 'caller', retry: true, message: 'As many executions wait for the function as may.', remedy: 'Wait for the seconds in Retry-After, raise the concurrency of the function, or the limit asyncQueueDepth.' },
  execution_interrupted: { status: 503, fault: 'platform', retry: true, message: 'The server stopped while the function was executing.', remedy: 'Send the request again.' },
  execution_hops_exceeded: { status: 508, fault: 'function', retry: false, message: 'Functions called each other deeper than allowed.', remedy: 'Break the loop of calls.' },
  egress_denied: { status: 403, fault: 'function', retry: false, message: 'The function tried to reach an address that it may not reach.', remedy: 'Reach a public address, or allow the host in `egress` of the function.' },

  // The state of the server.
  host_memory_exhausted: { status: 503, fault: 'operator', retry: true, message: 'All memory that functions may use is in use by executions.', remedy: 'Wait for the seconds in Retry-After, give the server more memory, or lower `memory` of functions.' },
  worker_start_failed: { status: 503, fault: 'operator', retry: true, message: 'A sandboxed worker could not be started.', remedy: 'Run `martlet doctor` on the server.' },
  server_draining: { status: 503, fault: 'operator', retry: true, message: 'The server is shutting down and takes no new work.', remedy: 'Send the request again; another or the restarted server answers it.' },
  store_unavailable: { status: 503, fault: 'operator', retry: true, message: 'The store does not answer.', remedy: 'Check disk space and the health of the store; the server recovers by itself.' },
  sandbox_tier_too_low: { status: 500, fault: 'operator', retry: false, message: 'This host cannot give the isolation that the server was told to keep.', remedy: 'Run `martlet doctor`, install bubblewrap, or accept a weaker tier with MARTLET_SANDBOX_TIER.' },
  config_invalid: { status: 500, fault: 'operator', retry: false, message: 'The configuration of the server is not valid.', remedy: 'The message names the setting and what is allowed.' },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof errorSpecs;

export interface PlatformErrorOptions {
  /** The particulars: a full sentence for the person who reads it. Default: the message of the registry. */
  readonly message?: string;
  /** Seconds after which a retry makes sense; sent as Retry-After. */
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** A store that comes back is used again at once, so that asking soon is right. */
const STORE_RETRY_SECONDS = 1;
const MARK = Symbol.for('martlet.PlatformError');

/** The one error class that the platform throws. Branch on `code`, never on the message. */
export class PlatformError extends Error {
  readonly code: ErrorCode;
  readonly retryAfterSeconds: number | undefined;
  readonly [MARK] = true;

  constructor(code: ErrorCode, options: PlatformErrorOptions | string = {}) {
    const particulars = typeof options === 'string' ? { message: options } : options;
    super(particulars.message ?? errorSpecs[code].message, { cause: particulars.cause });
    this.name = 'PlatformError';
    this.code = code;
    this.retryAfterSeconds = particulars.retryAfterSeconds ?? (code === 'store_unavailable' ? STORE_RETRY_SECONDS : undefined);
  }

  get status(): number {
    return errorSpecs[this.code].status;
  }
}

/** True for errors of this registry, also across realms and bundled copies, where `instanceof` fails. */
export function isPlatformError(error: unknown): error is PlatformError {
  return typeof error === 'object' && error !== null && MARK in error;
}
