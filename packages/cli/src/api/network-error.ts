/** What went wrong between here and the server, in words that lead on. */
import { CliError } from '../cli-error.ts';

const START = 'Is the server running? Start it with martlet dev, or name another one with --url.';
const ADDRESS = 'Check --url or MARTLET_URL.';

const REASONS: Readonly<Record<string, readonly [reason: string, next: string]>> = {
  ECONNREFUSED: ['connection refused', START],
  ECONNRESET: ['the server closed the connection', 'Look at the log of the server, then try again.'],
  EPIPE: ['the server closed the connection', 'Look at the log of the server, then try again.'],
  UND_ERR_SOCKET: ['the server closed the connection', 'Look at the log of the server, then try again.'],
  ENOTFOUND: ['no machine has this name', ADDRESS],
  EAI_AGAIN: ['the name cannot be looked up now', 'Check the network, then try again.'],
  EHOSTUNREACH: ['there is no way to this machine', 'Check the network, then try again.'],
  ENETUNREACH: ['there is no way to this network', 'Check the network, then try again.'],
  ETIMEDOUT: ['it does not answer', START],
  UND_ERR_CONNECT_TIMEOUT: ['it does not answer', START],
  UND_ERR_HEADERS_TIMEOUT: ['it took the request but does not answer', 'Look at the log of the server.'],
  UND_ERR_BODY_TIMEOUT: ['the answer stopped on its way', 'Look at the log of the server.'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['its certificate is self-signed', 'Name the file of the certificate in NODE_EXTRA_CA_CERTS.'],
  SELF_SIGNED_CERT_IN_CHAIN: ['its certificate is self-signed', 'Name the file of the certificate in NODE_EXTRA_CA_CERTS.'],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['its certificate cannot be verified', 'Name the file of the authority in NODE_EXTRA_CA_CERTS.'],
  CERT_HAS_EXPIRED: ['its certificate has expired', 'Renew the certificate of the server.'],
  ERR_TLS_CERT_ALTNAME_INVALID: ['its certificate is for another name', ADDRESS],
  ERR_SSL_WRONG_VERSION_NUMBER: ['it does not speak https', `Use http:// in the address. ${ADDRESS}`],
};

export function explainNetworkError(url: string, error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return new CliError(`Cannot reach ${url}: no answer in time.`, { next: START, cause: error });
  const code = codeOf(error);
  const [reason, next] = REASONS[code] ?? [code === '' ? messageOf(error) : `${messageOf(error)} (${code})`, ADDRESS];
  return new CliError(`Cannot reach ${url}: ${reason}.`, { next, cause: error });
}

/** Fetch hides the cause one or two levels down; a name with two addresses gives an error for each. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error.cause;
  return codeOf(inner);
}

function messageOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
