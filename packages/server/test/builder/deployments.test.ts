import { cpSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Builder } from '../../src/ports/builder.ts';
import type { DeploymentRow, FunctionRow } from '../../src/ports/store.ts';
import { builtKeys } from '../../src/services/built-artifact.ts';
import { pack, PROJECTS } from './builder-bench.ts';
import { createDeployBench, type DeployBench, type DeployBenchOptions } from './deploy-bench.ts';

let shared: DeployBench;
const own: DeployBench[] = [];
beforeAll(async () => void (shared = await createDeployBench()));
afterEach(async () => void (await Promise.all(own.splice(0).map((bench) => bench.close()))));
afterAll(() => shared.close());

async function ownBench(options: DeployBenchOptions): Promise<DeployBench> {
  const bench = await createDeployBench(options);
  own.push(bench);
  return bench;
}

const source = (answer: string, config = ''): Promise<Buffer> =>
  pack({ 'index.ts': `${config}\nexport default () => new Response(${JSON.stringify(answer)});` });

async function deploy(
  on: DeployBench,
  fn: FunctionRow,
  { bytes, activate = true }: { bytes: Uint8Array; activate?: boolean },
): Promise<DeploymentRow> {
  const { id } = await on.deployments.create({ fn, bytes, activate, type: 'manual' });
  return on.deployments.wait(fn, id);
}

async function readAll(text: AsyncIterable<string>): Promise<string> {
  let all = '';
  for await (const piece of text) all += piece;
  return all;
}

/** Holds every build until `release` is called, and tells how many it holds. */
function gate(): { around: (builder: Builder) => Builder; release(): void; held(): number; most(): number } {
  let open = Promise.withResolvers<void>();
  let held = 0;
  let most = 0;
  return {
    around: (builder) => ({
      ...builder,
      async build(input, log, signal) {
        held += 1;
        most = Math.max(most, held);
        log('Held\n');
        const aborted = Promise.withResolvers<void>();
        signal.addEventListener('abort', () => aborted.resolve(), { once: true });
        await Promise.race([open.promise, signal.aborted ? undefined : aborted.promise]);
        held -= 1;
        signal.throwIfAborted();
        return builder.build(input, log, signal);
      },
    }),
    release: () => {
      open.resolve();
      open = Promise.withResolvers();
      open.resolve();
    },
    held: () => held,
    most: () => most,
  };
}

describe('a deployment', () => {
  it('is built, stored and made the active one, with the settings of its file', async () => {
    const fn = await shared.newFunction({ memoryMb: 512, execute: ['users'] });
    const created = await shared.deployments.create({
      fn,
      bytes: await source('one', 'export const config = { timeout: 7, schedule: "0 0 * * *" };'),
      activate: true,
      type: 'cli',
    });
    expect(created).toMatchObject({ status: 'waiting', entrypoint: 'index.ts', type: 'cli', activate: true });
    const row = await shared.deployments.wait(fn, created.id);
    expect(row).toMatchObject({ status: 'ready', artifactFormat: 'bundle', error: null, sourceBytes: created.sourceBytes });
    expect(await shared.current(fn)).toMatchObject({
      activeDeploymentId: row.id,
      live: true,
      timeoutSeconds: 7,
      schedule: '0 0 * * *',
      memoryMb: 512,
      execute: ['users'],
    });
    expect(shared.announced).toContainEqual({ kind: 'deployment', projectId: 'default', functionId: fn.id });
    const code = await shared.artifacts.get(builtKeys(row.artifactHash ?? '').code);
    expect(code?.toString()).toContain('new Response("one")');
    expect((await shared.deployments.download(fn, row.id, 'output')).equals(code ?? Buffer.alloc(0))).toBe(true);
    expect(await shared.deployments.download(fn, row.id, 'source')).toHaveLength(row.sourceBytes);
    expect(await shared.deployments.buildLog(fn, row.id)).toMatch(/^Unpacked 1 file, .*\nBundled 1 file, .*\nReady in \d+ ms\n$/);
  });

  it('that is not to be activated leaves function and settings as they are', async () => {
    const fn = await shared.newFunction();
    const row = await deploy(shared, fn, { bytes: await source('x', 'export const config = { timeout: 7 };'), activate: false });
    expect(row.status).toBe('ready');
    expect(await shared.current(fn)).toMatchObject({ activeDeploymentId: null, timeoutSeconds: 15 });
    expect(await shared.deployments.activate(fn, row.id)).toMatchObject({ activeDeploymentId: row.id, timeoutSeconds: 7 });
  });

  it('that fails never touches the active one, and says where', async () => {
    const fn = await shared.newFunction();
    const good = await deploy(shared, fn, { bytes: await source('good') });
    const bad = await deploy(shared, fn, { bytes: await pack({ 'index.ts': '\nimport "nope";' }) });
    expect(bad).toMatchObject({ status: 'failed', error: 'build_failed', artifactHash: null });
    expect(bad.errorMessage).toMatch(/^index\.ts:2:8: Cannot import "nope"/);
    expect(await shared.deployments.buildLog(fn, bad.id)).toMatch(
      /index\.ts:2:8: error: Cannot import "nope".*\n {4}import "nope";\n {11}~~~~~~\nBuild failed\n$/s,
    );
    expect((await shared.current(fn)).activeDeploymentId).toBe(good.id);
    await expect(shared.deployments.activate(fn, bad.id)).rejects.toMatchObject({ code: 'build_not_ready' });
    const config = await deploy(shared, fn, { bytes: await source('x', 'export const config = { timeouts: 7 };') });
    expect(config).toMatchObject({ status: 'failed', error: 'function_config_invalid' });
    const archive = await deploy(shared, fn, { bytes: Buffer.from([0x1f, 0x8b, 0, 0]) });
    expect(archive).toMatchObject({ status: 'failed', error: 'deployment_archive_invalid' });
    expect((await shared.current(fn)).activeDeploymentId).toBe(good.id);
  });

  it('is refused for what is wrong with the upload, in the order of the contract', async () => {
    const small = await ownBench({ limits: { deploymentBytes: 100 } });
    const bare = await small.newFunction({ entrypoint: '' });
    const fn = await small.newFunction();
    const create = (on: FunctionRow, bytes: Uint8Array) => small.deployments.create({ fn: on, bytes, activate: true, type: 'manual' });
    await expect(create(bare, Buffer.alloc(0))).rejects.toMatchObject({ code: 'function_entrypoint_missing' });
    await expect(create(fn, Buffer.alloc(0))).rejects.toMatchObject({ code: 'storage_file_empty' });
    await expect(create(fn, Buffer.alloc(200, 'PK'))).rejects.toMatchObject({ code: 'storage_file_type_unsupported' });
    await expect(create(fn, Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(200)]))).rejects.toMatchObject({
      code: 'deployment_invalid_file_size',
    });
    expect(await small.store.deployments.latest('default', fn.id)).toBe(null);
  });

  it('of the same source shares the artifact without another build', async () => {
    const fn = await shared.newFunction();
    const bytes = await source('same');
    const first = await deploy(shared, fn, { bytes });
    const second = await deploy(shared, fn, { bytes });
    expect(second.id).not.toBe(first.id);
    expect(second).toMatchObject({
      status: 'ready',
      artifactHash: first.artifactHash,
      artifactFormat: 'bundle',
      buildBytes: first.buildBytes,
    });
    expect(await shared.deployments.buildLog(fn, second.id)).toContain(`Nothing has changed since deployment ${first.id}`);
    expect((await shared.current(fn)).activeDeploymentId).toBe(second.id);
    await shared.deployments.delete(fn, first.id);
    expect(await shared.deployments.download(fn, second.id, 'output')).not.toHaveLength(0);
    expect(await shared.deployments.download(fn, second.id, 'source')).toEqual(bytes);
    await shared.deployments.delete(fn, second.id);
    expect(await shared.artifacts.has(builtKeys(first.artifactHash ?? '').code)).toBe(false);
    expect(await shared.artifacts.has(`sources/${first.sourceHash}`)).toBe(false);
  });

  it('can be rolled back to the one before, and built again', async () => {
    const fn = await shared.newFunction();
    const rows = [];
    for (const answer of ['1', '2', '3']) rows.push(await deploy(shared, fn, { bytes: await source(answer) }));
    await deploy(shared, fn, { bytes: await pack({ 'index.ts': 'import "nope"' }) });
    expect((await shared.deployments.rollback(fn)).activeDeploymentId).toBe(rows[1]?.id);
    expect((await shared.deployments.rollback(fn)).activeDeploymentId).toBe(rows[0]?.id);
    await expect(shared.deployments.rollback(fn)).rejects.toMatchObject({ code: 'deployment_not_found' });
    const copy = await shared.deployments.duplicate(fn, rows[1]?.id ?? '');
    expect(copy).toMatchObject({ status: 'waiting', activate: true, sourceHash: rows[1]?.sourceHash, buildBytes: 0 });
    expect((await shared.deployments.wait(fn, copy.id)).artifactHash).toBe(rows[1]?.artifactHash);
    expect((await shared.current(fn)).activeDeploymentId).toBe(copy.id);
  });

  it('that is active and deleted leaves the function without one', async () => {
    const fn = await shared.newFunction();
    const row = await deploy(shared, fn, { bytes: await source('gone') });
    await shared.deployments.delete(fn, row.id);
    expect((await shared.current(fn)).activeDeploymentId).toBe(null);
    await expect(shared.deployments.get(fn, row.id)).rejects.toMatchObject({ code: 'deployment_not_found' });
    await expect(shared.deployments.delete(fn, row.id)).rejects.toMatchObject({ code: 'deployment_not_found' });
  });

  it('belongs to its function alone', async () => {
    const [one, other] = [await shared.newFunction(), await shared.newFunction()];
    const { id } = await deploy(shared, one, { bytes: await source('mine') });
    for (const use of ['get', 'activate', 'cancel', 'delete', 'duplicate', 'buildLog', 'wait'] as const) {
      await expect(shared.deployments[use](other, id)).rejects.toMatchObject({ code: 'deployment_not_found' });
    }
  });
});

describe('builds', () => {
  it('run two at a time, and those of one function one after the other, the last upload answering in the end', async () => {
    const held = gate();
    const on = await ownBench({ around: held.around });
    const functions = [await on.newFunction(), await on.newFunction(), await on.newFunction()];
    const waiting: Promise<DeploymentRow>[] = [];
    for (const answer of ['first', 'second']) for (const fn of functions) waiting.push(deploy(on, fn, { bytes: await source(answer) }));
    await expect.poll(() => held.held()).toBe(2);
    held.release();
    const rows = await Promise.all(waiting);
    expect(held.most()).toBe(2);
    expect(rows.map(({ status }) => status)).toEqual(rows.map(() => 'ready'));
    for (const [index, fn] of functions.entries()) expect((await on.current(fn)).activeDeploymentId).toBe(rows[index + 3]?.id);
  });

  it('can be followed from the beginning to the end, by several at once', async () => {
    const held = gate();
    const on = await ownBench({ around: held.around });
    const fn = await on.newFunction();
    const { id } = await on.deployments.create({ fn, bytes: await source('x'), activate: true, type: 'cli' });
    await expect.poll(() => held.held()).toBe(1);
    const first = readAll(await on.deployments.followBuildLog(fn, id));
    await expect.poll(() => on.deployments.buildLog(fn, id)).toBe('Held\n');
    const second = readAll(await on.deployments.followBuildLog(fn, id));
    held.release();
    const text = await first;
    expect(text).toMatch(/^Held\nUnpacked.*\nBundled.*\nReady in \d+ ms\n$/);
    expect(await second).toBe(text);
    await on.deployments.wait(fn, id);
    expect(await readAll(await on.deployments.followBuildLog(fn, id))).toBe(text);
    expect(await on.deployments.buildLog(fn, id)).toBe(text);
  });

  it('that are canceled stay canceled, running or waiting', async () => {
    const held = gate();
    const on = await ownBench({ around: held.around });
    const fn = await on.newFunction();
    const rows = [];
    for (const answer of ['a', 'b'])
      rows.push(await on.deployments.create({ fn, bytes: await source(answer), activate: true, type: 'cli' }));
    await expect.poll(() => held.held()).toBe(1);
    for (const { id } of rows) expect(await on.deployments.cancel(fn, id)).toMatchObject({ status: 'canceled' });
    for (const { id } of rows) {
      expect(await on.deployments.wait(fn, id)).toMatchObject({ status: 'canceled', error: null });
      expect(await on.deployments.cancel(fn, id)).toMatchObject({ status: 'canceled' });
      await expect.poll(() => on.deployments.buildLog(fn, id)).toContain('Build has been canceled.');
      await expect(on.deployments.activate(fn, id)).rejects.toMatchObject({ code: 'build_not_ready' });
    }
    expect((await on.current(fn)).activeDeploymentId).toBe(null);
    held.release();
    const done = await deploy(on, fn, { bytes: await source('c') });
    await expect(on.deployments.cancel(fn, done.id)).rejects.toMatchObject({ code: 'build_already_completed' });
  });

  it('that take too long fail with that reason', async () => {
    const held = gate();
    const on = await ownBench({ around: held.around, limits: { buildSeconds: 0.2 } });
    const fn = await on.newFunction();
    expect(await deploy(on, fn, { bytes: await source('x') })).toMatchObject({ status: 'failed', error: 'build_timed_out' });
  });

  it('whose builder breaks fail as a fault of the platform', async () => {
    const on = await ownBench({ around: (builder) => ({ ...builder, build: () => Promise.reject(new Error('disk on fire')) }) });
    const fn = await on.newFunction();
    const row = await deploy(on, fn, { bytes: await source('x') });
    expect(row).toMatchObject({ status: 'failed', error: 'general_server_error' });
    expect(row.errorMessage).not.toContain('fire');
  });

  it('that wait are built after a restart, those under way are failed', async () => {
    const held = gate();
    const on = await ownBench({ around: held.around });
    const fn = await on.newFunction();
    const rows = [];
    for (const answer of ['under way', 'waiting'])
      rows.push(await on.deployments.create({ fn, bytes: await source(answer), activate: true, type: 'cli' }));
    const [underWay, waiting] = rows.map(({ id }) => id);
    await expect.poll(async () => (await on.deployments.get(fn, underWay ?? '')).status).toBe('building');
    held.release();
    // A server that was killed leaves its rows behind; the one that follows knows nothing of its builds.
    const after = on.restarted();
    const killed = await on.newFunction();
    await on.store.deployments.insert({
      ...(rows[0] as DeploymentRow),
      id: 'ffffffff000000000001',
      functionId: killed.id,
      status: 'building',
      buildStartedAt: 1,
    });
    await on.store.deployments.insert({
      ...(rows[0] as DeploymentRow),
      id: 'ffffffff000000000002',
      functionId: killed.id,
      status: 'waiting',
    });
    await on.store.deployments.insert({
      ...(rows[0] as DeploymentRow),
      id: 'ffffffff000000000003',
      functionId: killed.id,
      status: 'waiting',
      sourceHash: '0'.repeat(64),
    });
    await Promise.all([underWay, waiting].map((id) => on.deployments.wait(fn, id ?? '')));
    await after.builds.recover({ alone: true });
    expect(await after.deployments.wait(killed, 'ffffffff000000000001')).toMatchObject({ status: 'failed', error: 'build_interrupted' });
    expect(await after.deployments.wait(killed, 'ffffffff000000000002')).toMatchObject({ status: 'ready' });
    expect(await after.deployments.wait(killed, 'ffffffff000000000003')).toMatchObject({ status: 'failed', error: 'build_interrupted' });
    expect((await on.current(killed)).activeDeploymentId).toBe('ffffffff000000000002');
    await after.builds.close();
  });

  it('end with the server: running ones as interrupted, waiting ones untouched', async () => {
    const held = gate();
    const on = await createDeployBench({ around: held.around });
    const fn = await on.newFunction();
    const rows = [];
    for (const answer of ['running', 'waiting'])
      rows.push(await on.deployments.create({ fn, bytes: await source(answer), activate: true, type: 'cli' }));
    await expect.poll(() => held.held()).toBe(1);
    await on.builds.close();
    expect(await on.deployments.get(fn, rows[0]?.id ?? '')).toMatchObject({ status: 'failed', error: 'build_interrupted' });
    expect(await on.deployments.get(fn, rows[1]?.id ?? '')).toMatchObject({ status: 'waiting' });
    await on.close();
  });
});

describe('a folder', () => {
  it('is built in place and live when the build ends, and tells what it was made of', async () => {
    const folder = mkdtempSync(join(shared.bench.folder, 'dev-'));
    cpSync(join(PROJECTS, 'hello'), folder, { recursive: true });
    const fn = await shared.newFunction();
    const first = await shared.deployments.createFromFolder({ fn, folder, entrypoint: 'functions/hello.ts' });
    expect(first).toMatchObject({
      deployment: { status: 'ready', sourceHash: '' },
      problems: [],
      inputs: ['functions/hello.ts', 'shared/greet.ts', 'shared/places.json'],
    });
    expect(await shared.current(fn)).toMatchObject({ activeDeploymentId: first.deployment.id, memoryMb: 128 });

    writeFileSync(join(folder, 'shared', 'greet.ts'), 'export const greet = ;');
    const broken = await shared.deployments.createFromFolder({ fn, folder, entrypoint: 'functions/hello.ts' });
    expect(broken.problems).toMatchObject([{ file: 'shared/greet.ts', line: 1 }]);
    expect(broken.inputs).toEqual(['functions/hello.ts', 'shared/greet.ts']);
    expect((await shared.current(fn)).activeDeploymentId).toBe(first.deployment.id);
    await expect(shared.deployments.duplicate(fn, first.deployment.id)).rejects.toMatchObject({ code: 'deployment_not_found' });
  });
});
