/** `Deno.errors`, and how the errors of Node become them. */

class DenoError extends Error {
  readonly code: string | undefined;

  constructor(message?: string, options?: ErrorOptions & { code?: string }) {
    super(message, options);
    this.name = new.target.name;
    this.code = options?.code;
  }
}

export class NotSupported extends DenoError {}

const NAMES = [
  'AddrInUse',
  'AddrNotAvailable',
  'AlreadyExists',
  'BadResource',
  'BrokenPipe',
  'Busy',
  'ConnectionAborted',
  'ConnectionRefused',
  'ConnectionReset',
  'FilesystemLoop',
  'Http',
  'Interrupted',
  'InvalidData',
  'IsADirectory',
  'NetworkUnreachable',
  'NotADirectory',
  'NotCapable',
  'NotConnected',
  'NotFound',
  'PermissionDenied',
  'TimedOut',
  'UnexpectedEof',
  'WouldBlock',
  'WriteZero',
] as const;
type ErrorName = (typeof NAMES)[number];

const BY_CODE: Readonly<Record<string, ErrorName>> = {
  ENOENT: 'NotFound',
  EACCES: 'PermissionDenied',
  EPERM: 'PermissionDenied',
  EROFS: 'PermissionDenied',
  EEXIST: 'AlreadyExists',
  EISDIR: 'IsADirectory',
  ENOTDIR: 'NotADirectory',
  ELOOP: 'FilesystemLoop',
  EBUSY: 'Busy',
  EBADF: 'BadResource',
  EINTR: 'Interrupted',
  ETIMEDOUT: 'TimedOut',
  EPIPE: 'BrokenPipe',
  ECONNREFUSED: 'ConnectionRefused',
  ECONNRESET: 'ConnectionReset',
  ECONNABORTED: 'ConnectionAborted',
  EADDRINUSE: 'AddrInUse',
  EADDRNOTAVAIL: 'AddrNotAvailable',
};

type ErrorClass = new (message?: string, options?: ErrorOptions & { code?: string }) => DenoError;
let classes: Readonly<Record<string, ErrorClass>> | undefined;

export function errorsNamespace(): Readonly<Record<string, ErrorClass>> {
  classes ??= Object.freeze({ NotSupported, ...Object.fromEntries(NAMES.map((name) => [name, classNamed(name)])) });
  return classes;
}

/** The class of Deno for an error of Node; other errors stay what they are. */
export function toDenoError(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error;
  const DenoClass = errorsNamespace()[BY_CODE[error.code] ?? ''];
  return DenoClass === undefined ? error : new DenoClass(error.message, { cause: error, code: error.code });
}

function classNamed(name: string): ErrorClass {
  const named = { [name]: class extends DenoError {} };
  return named[name] as ErrorClass;
}
