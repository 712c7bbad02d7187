import { afterAll, describe, expect, it } from 'vitest';
import { readArtifactsSetting } from '../../src/app/storage/artifacts-setting.ts';
import { createS3Artifacts, type S3Place } from '../../src/drivers/s3-artifacts/s3-artifacts.ts';
import { testArtifacts } from '../conformance/artifacts.ts';
import { createS3Server } from './s3-server.ts';

const access = {
  bucket: 'things',
  region: 'eu-test-1',
  accessKeyId: 'AKTEST',
  secretAccessKey: 'secret/with+signs=',
  sessionToken: 'a/session+token',
};
const server = await createS3Server(access);
afterAll(() => server.close());

let count = 0;
function place(change: Partial<S3Place> = {}): S3Place {
  count += 1;
  return { ...access, endpoint: server.endpoint, prefix: `martlet/${count}/`, ...change };
}

testArtifacts({ name: 's3-artifacts', create: () => createS3Artifacts(place()) });

describe('s3-artifacts', () => {
  it('keeps to its prefix, and removes more than one page', async () => {
    const mine = createS3Artifacts(place());
    const all = createS3Artifacts(place({ prefix: '' }));
    await all.put('beside', Buffer.from('x'));
    for (let index = 0; index < 10; index += 1) await mine.put(`many/${index}`, Buffer.from([index]));
    expect(await mine.keys()).toHaveLength(10);
    await mine.deletePrefix('many/');
    expect(await mine.keys()).toEqual([]);
    await expect(all.has('beside')).resolves.toBe(true);
  });

  it('repeats what a busy store refuses, and gives up with the reason', async () => {
    const artifacts = createS3Artifacts(place());
    server.failures.push(503, 500);
    await artifacts.put('again', Buffer.from('x'));
    await expect(artifacts.get('again')).resolves.toEqual(Buffer.from('x'));
    server.failures.push(503, 503, 503, 503);
    await expect(artifacts.get('again')).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('503, SlowDown'),
    });
    expect(server.failures).toEqual([]);
  });

  it.each<[string, Partial<S3Place>, string]>([
    ['another secret', { secretAccessKey: 'other' }, 'SignatureDoesNotMatch'],
    ['another key', { accessKeyId: 'other' }, 'InvalidAccessKeyId'],
    ['another region', { region: 'us-test-1' }, 'InvalidAccessKeyId'],
    ['a session that is over', { sessionToken: 'old' }, 'InvalidToken'],
    ['a bucket that is missing', { bucket: 'none' }, 'NoSuchBucket'],
  ])('refuses %s when it is opened, and when it reads', async (_, change, code) => {
    const artifacts = createS3Artifacts(place(change));
    await expect(artifacts.open()).rejects.toMatchObject({ code: 'store_unavailable', message: expect.stringContaining(code) });
    await expect(artifacts.get('x')).rejects.toMatchObject({ code: 'store_unavailable' });
  });

  it('is unavailable where nobody listens', async () => {
    const artifacts = createS3Artifacts(place({ endpoint: 'http://127.0.0.1:1' }));
    await expect(artifacts.put('x', Buffer.from('x'))).rejects.toMatchObject({ code: 'store_unavailable' });
  });
});

describe('MARTLET_ARTIFACTS', () => {
  const env = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' };
  const databaseUrl = 'postgres://x/y';

  it('is what fits the store unless it is set', () => {
    expect(readArtifactsSetting(undefined, { databaseUrl: undefined, env })).toBe('disk');
    expect(readArtifactsSetting(undefined, { databaseUrl, env })).toBe('database');
    expect(readArtifactsSetting('disk', { databaseUrl, env })).toBe('disk');
  });

  it('names a bucket, with a prefix and a region', () => {
    expect(readArtifactsSetting('s3:http://127.0.0.1:9000/things/a/b?region=eu-1', { databaseUrl, env })).toEqual({
      endpoint: 'http://127.0.0.1:9000',
      bucket: 'things',
      prefix: 'a/b/',
      region: 'eu-1',
      accessKeyId: 'id',
      secretAccessKey: 'secret',
      sessionToken: undefined,
    });
    expect(
      readArtifactsSetting('s3:https://host/things', { databaseUrl, env: { ...env, AWS_REGION: 'x', AWS_SESSION_TOKEN: 't' } }),
    ).toMatchObject({
      prefix: '',
      region: 'x',
      sessionToken: 't',
    });
  });

  it.each([
    'floppy',
    's3:',
    's3:things',
    's3:ftp://host/things',
    's3:https://host',
    's3:https://host/T',
    's3:https://host/things/%2e%2e/x',
    's3:https://u:p@host/things',
  ])('refuses %s', (text) => {
    expect(() => readArtifactsSetting(text, { databaseUrl, env })).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });

  it('refuses a database where there is none, and a bucket without a key', () => {
    expect(() => readArtifactsSetting('database', { databaseUrl: undefined, env })).toThrow('MARTLET_DATABASE_URL');
    expect(() => readArtifactsSetting('s3:https://host/things', { databaseUrl, env: {} })).toThrow('AWS_ACCESS_KEY_ID');
  });
});
