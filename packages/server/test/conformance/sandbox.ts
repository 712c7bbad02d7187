/** What every driver of the sandbox port keeps, the weak ones included. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../../src/ports/system/log.ts';
import type { LaunchOptions, Sandbox } from '../../src/ports/sandbox.ts';
import { suiteName } from '../support/suite-name.ts';
import { channelEnds, talkTo, testWorkerSource, valueOf, type TestWorker } from './sandbox-worker.ts';

export interface SandboxSetup {
  readonly nodePath: string;
  readonly workerBundlePath: string;
  readonly stateDir: string;
  readonly log: Log;
}

export interface SandboxSuite {
  readonly name: string;
  create(setup: SandboxSetup): Sandbox;
  /** Why the suite cannot run on this host, or undefined. */
  readonly skip: string | undefined;
}

export const LAUNCH: LaunchOptions = { memoryMb: 256, tmpMb: 16, processes: 64 };

/** A log whose warnings fail the test that caused them. */
export function strictLog(warnings: unknown[]): Log {
  const note = (facts: object, message: string): void => void warnings.push({ facts, message });
  return { debug: () => undefined, info: () => undefined, warn: note, error: note };
}

/** True while the process exists and is no zombie. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export function testSandbox({ name, create, skip }: SandboxSuite): void {
  describe.skipIf(skip !== undefined)(suiteName(`the sandbox driver ${name}`, skip), () => {
    let folder: string;
    let sandbox: Sandbox;
    let warnings: unknown[];

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'martlet-sandbox-'));
      const workerBundlePath = join(folder, 'worker.cjs');
      await writeFile(workerBundlePath, testWorkerSource);
      warnings = [];
      sandbox = create({ nodePath: process.execPath, workerBundlePath, stateDir: join(folder, 'state'), log: strictLog(warnings) });
      await sandbox.sweep();
    });
    afterEach(async () => {
      await sandbox.close();
      await rm(folder, { recursive: true, force: true });
      expect(warnings).toEqual([]);
    });

    const start = async (options: Partial<LaunchOptions> = {}): Promise<TestWorker> =>
      talkTo(await sandbox.launch({ ...LAUNCH, ...options }));

    it('gives the same answer each time it is probed, with a reason for each finding', async () => {
      const probe = await sandbox.probe();
      expect(await sandbox.probe()).toEqual(probe);
      expect(probe.checks.length).toBeGreaterThan(0);
      for (const check of probe.checks) expect(check.detail).not.toBe('');
    });

    it('carries bytes both ways over fd 3', async () => {
      const worker = await start();
      const text = 'x'.repeat(300_000);
      expect(await valueOf(worker, `return ${JSON.stringify(text)} + 'y'`)).toBe(`${text}y`);
    });

    it('starts workers with an empty environment', async () => {
      const worker = await start();
      // macOS adds one of its own to every process.
      expect(await valueOf(worker, `return Object.keys(process.env).filter((name) => !name.startsWith('__CF'))`)).toEqual([]);
    });

    it('tells the exit code of a worker that ends by itself', async () => {
      const worker = await start();
      worker.send('process.exit(7)');
      expect(await worker.sandbox.exited).toEqual({ exitCode: 7, signal: null, outOfMemory: false });
      await channelEnds(worker.sandbox);
    });

    it('tells the signal that ended a worker', async () => {
      const worker = await start();
      worker.send('process.abort()');
      expect(await worker.sandbox.exited).toEqual({ exitCode: null, signal: 'SIGABRT', outOfMemory: false });
    });

    it('kills a worker that never yields, and killing twice is no error', async () => {
      const worker = await start();
      worker.send('for (;;);');
      worker.sandbox.kill();
      worker.sandbox.kill();
      expect(await worker.sandbox.exited).toEqual({ exitCode: null, signal: 'SIGKILL', outOfMemory: false });
      worker.sandbox.kill();
      expect(isAlive(worker.sandbox.pid)).toBe(false);
      await channelEnds(worker.sandbox);
    });

    it('kills a worker right after its launch, before it is ready', async () => {
      const launched = await sandbox.launch(LAUNCH);
      launched.kill();
      expect((await launched.exited).signal).toBe('SIGKILL');
    });

    it.each([
      ['buffers', 'const kept = []; for (;;) kept.push(Buffer.alloc(4 << 20, 1))'],
      ['objects', 'const kept = []; for (;;) kept.push(Array.from({ length: 1000 }, (_, index) => ({ index })))'],
    ])('ends a worker that fills its memory with %s, and tells why', async (_, bomb) => {
      const worker = await start({ memoryMb: 128 });
      worker.send(bomb);
      expect(await worker.sandbox.exited).toMatchObject({ outOfMemory: true, exitCode: null });
    });

    it('counts the memory that a worker uses', async () => {
      const worker = await start();
      const before = worker.sandbox.memoryBytes() ?? 0;
      await valueOf(worker, 'globalThis.kept = Buffer.alloc(64 << 20, 1)');
      await expect.poll(() => (worker.sandbox.memoryBytes() ?? 0) - before, { timeout: 5000 }).toBeGreaterThan(50 << 20);
    });

    it('holds a worker to a limit that was lowered or raised while it runs', async () => {
      const fill = (mb: number): string =>
        `globalThis.kept = Buffer.alloc(${mb} << 20, 1); await new Promise((done) => setTimeout(done, 1000))`;
      const raised = await start({ memoryMb: 128 });
      raised.sandbox.setMemoryLimit(512);
      await valueOf(raised, fill(200));
      const lowered = await start({ memoryMb: 512 });
      lowered.sandbox.setMemoryLimit(128);
      lowered.send(fill(200));
      expect(await lowered.sandbox.exited).toMatchObject({ outOfMemory: true });
    });

    it('lets functions use more JavaScript heap than the limit it was started with, once that is raised', async () => {
      const worker = await start({ memoryMb: 128 });
      worker.sandbox.setMemoryLimit(1024);
      const code = `globalThis.kept = Array.from({ length: 6e6 }, (_, index) => ({ index })); return process.memoryUsage().heapUsed`;
      expect(await valueOf(worker, code)).toBeGreaterThan(200 << 20);
    });

    it('keeps the end of what a worker writes to stderr, and survives a flood of it', async () => {
      const worker = await start();
      await valueOf(
        worker,
        `require('fs').writeSync(2, 'first words '); for (let i = 0; i < 40; i++) require('fs').writeSync(2, 'x'.repeat(1000)); require('fs').writeSync(2, 'last words')`,
      );
      await expect.poll(() => worker.sandbox.stderr().endsWith('last words')).toBe(true);
      expect(worker.sandbox.stderr().length).toBeLessThanOrEqual(16 * 1024);
      expect(worker.sandbox.stderr()).not.toContain('first words');
    });

    it('shows the tree read-only, and the proxy socket, at the places it names', async () => {
      const tree = join(folder, 'tree');
      await mkdir(tree);
      await writeFile(join(tree, 'data.txt'), 'of the tree');
      const egressSocket = join(folder, 'egress.sock');
      const server = createServer((socket) => socket.end('of the proxy')).listen(egressSocket);
      try {
        const worker = await start({ tree, egressSocket });
        const inside = JSON.stringify(worker.sandbox.treeInside);
        expect(await valueOf(worker, `return require('fs').readFileSync(${inside} + '/data.txt', 'utf8')`)).toBe('of the tree');
        expect((await worker.run(`require('fs').writeFileSync(${inside} + '/data.txt', 'changed')`)).ok).toBe(false);
        const connect = `return new Promise((resolve, reject) => require('net').connect(${JSON.stringify(worker.sandbox.egressSocketInside)}).on('data', (data) => resolve(String(data))).on('error', reject))`;
        expect(await valueOf(worker, connect)).toBe('of the proxy');
      } finally {
        server.close();
      }
    });

    it('names no way out when there is none', async () => {
      const worker = await start();
      expect(worker.sandbox.egressSocketInside).toBeUndefined();
      expect(worker.sandbox.treeInside).toBeUndefined();
    });

    it('leaves no process and no launch behind when it is closed', async () => {
      const workers = await Promise.all([start(), start(), start()]);
      const late = sandbox.launch(LAUNCH);
      await sandbox.close();
      for (const worker of workers) expect((await worker.sandbox.exited).signal).toBe('SIGKILL');
      expect((await (await late).exited).signal).toBe('SIGKILL');
      for (const worker of workers) expect(isAlive(worker.sandbox.pid)).toBe(false);
    });

    it('says that a worker cannot be started, and why, when Node is not there', async () => {
      const broken = create({
        nodePath: join(folder, 'no-node'),
        workerBundlePath: join(folder, 'worker.cjs'),
        stateDir: join(folder, 'other'),
        log: strictLog([]),
      });
      try {
        const outcome = await broken.launch(LAUNCH).then(
          async (launched) => ({ code: 'started', exit: await launched.exited, stderr: launched.stderr() }),
          (error: unknown) => ({ code: (error as { code: string }).code, exit: undefined, stderr: String(error) }),
        );
        expect(outcome.code === 'worker_start_failed' || outcome.exit?.exitCode === 127).toBe(true);
        expect(outcome.stderr).toContain('no-node');
      } finally {
        await broken.close();
      }
    });
  });
}
