/** Reads `MARTLET_ARTIFACTS`: where sources and builds lie. */
import { PlatformError } from '@martlet/protocol';
import type { S3Place } from '../../drivers/s3-artifacts/s3-artifacts.ts';

export type ArtifactsSetting = 'disk' | 'database' | S3Place;

export interface ArtifactsSettingOptions {
  readonly databaseUrl: string | undefined;
  /** Holds the credentials of S3 under their usual names. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PREFIX = /^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)*$/;

/** `text`: `disk`, `database`, `s3:https://host/bucket/prefix?region=…`; undefined: what fits the store. @throws {PlatformError} `config_invalid` */
export function readArtifactsSetting(text: string | undefined, { databaseUrl, env }: ArtifactsSettingOptions): ArtifactsSetting {
  if (text === undefined) return databaseUrl === undefined ? 'disk' : 'database';
  if (text === 'disk') return 'disk';
  if (text === 'database') {
    if (databaseUrl === undefined)
      throw invalid('Cannot keep artifacts in the database: set MARTLET_DATABASE_URL, or MARTLET_ARTIFACTS=disk.');
    return 'database';
  }
  if (!text.startsWith('s3:')) throw invalid('Cannot use MARTLET_ARTIFACTS: it must be disk, database or s3:https://host/bucket.');
  return readPlace(text.slice('s3:'.length), env);
}

function readPlace(address: string, env: ArtifactsSettingOptions['env']): S3Place {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !['https:', 'http:'].includes(url.protocol) || url.username !== '')
    throw invalid(
      'Cannot use MARTLET_ARTIFACTS: after s3: comes the address of the store and the bucket, like s3:https://s3.eu-central-1.amazonaws.com/bucket.',
    );
  const [bucket = '', ...segments] = url.pathname
    .slice(1)
    .split('/')
    .filter((segment, index) => index === 0 || segment !== '');
  const prefix = segments.map((segment) => `${segment}/`).join('');
  if (!BUCKET.test(bucket) || !PREFIX.test(prefix))
    throw invalid(
      'Cannot use MARTLET_ARTIFACTS: it must name a bucket, and a prefix may hold letters, digits, ".", "_" and "-" between slashes.',
    );
  const accessKeyId = env['AWS_ACCESS_KEY_ID'];
  const secretAccessKey = env['AWS_SECRET_ACCESS_KEY'];
  if (!accessKeyId || !secretAccessKey)
    throw invalid('Cannot use MARTLET_ARTIFACTS: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a key of the bucket.');
  return {
    endpoint: url.origin,
    bucket,
    prefix,
    region: url.searchParams.get('region') ?? env['AWS_REGION'] ?? 'us-east-1',
    accessKeyId,
    secretAccessKey,
    sessionToken: env['AWS_SESSION_TOKEN'],
  };
}

function invalid(message: string): PlatformError {
  return new PlatformError('config_invalid', message);
}
