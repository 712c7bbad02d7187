/** Reload on save: what is built again when files change, and that the last save wins. */
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LiveProject, type FolderBuild, type FunctionHost, type ProjectReporter } from '../src/dev/live-project.ts';
import { watchProject, type Changes, type ProjectWatcher } from '../src/dev/watch-project.ts';
import { findFunctions } from '../src/project/find-functions.ts';
import type { Project } from '../src/project/project.ts';

/** A host that notes what it is asked to do; builds last as long as `gate` says. */
function recordingHost(build: Partial<FolderBuild> = {}) {
  const calls: string[] = [];
  const gate = { open: Promise.resolve() };
  const result = { ...build };
  const host: FunctionHost = {
    async build(one) {
      calls.push(`build ${one.name}`);
      await gate.open;
      return {
        ok: true,
        functionId: `id-${one.name}`,
        inputs: [one.entrypoint, 'shared/all.ts'],
        milliseconds: 1,
        problems: [],
        ...result,
      };
    },
    remove: async (id) => void calls.push(`remove ${id}`),
  };
  return { host, calls, gate, result };
}
function silentReporter(): ProjectReporter & { readonly told: string[] } {
  const told: string[] = [];
  return {
    told,
    built: (one, build) => void told.push(`${build.ok ? 'ok' : 'bad'} ${one.name}`),
    removed: (one) => void told.push(`removed ${one.name}`),
    problems: (problems) => void told.push(`problems ${problems.length}`),
    failed: (one, error) => void told.push(`failed ${one.name} ${String(error)}`),
  };
}
const projectOf = (...files: string[]): Project => findFunctions({ files, texts: new Map() });

describe('the live project', () => {
  test('builds everything when opened, and then only what a change concerns', async () => {
    const { host, calls } = recordingHost();
    const live = new LiveProject({
      host,
      reporter: silentReporter(),
      read: async () => projectOf('functions/a.ts', 'functions/b.ts'),
      width: 4,
    });
    await live.open();
    expect(calls.splice(0)).toEqual(['build a', 'build b']);
    await live.update(new Set(['functions/a.ts']), false);
    await live.update(new Set(['readme.md']), false);
    expect(calls.splice(0)).toEqual(['build a']);
    await live.update(new Set(['shared/all.ts']), false);
    expect(calls).toEqual(['build a', 'build b']);
  });

  test('adds functions whose file appears and removes those whose file goes', async () => {
    const { host, calls } = recordingHost();
    const reporter = silentReporter();
    let project = projectOf('functions/a.ts');
    const live = new LiveProject({ host, reporter, read: async () => project, width: 4 });
    await live.open();
    project = projectOf('functions/b.ts');
    await live.update(new Set(['functions/a.ts', 'functions/b.ts']), true);
    expect(calls).toEqual(['build a', 'remove id-a', 'build b']);
    expect(live.functions.map((one) => one.name)).toEqual(['b']);
    expect(reporter.told).toContain('removed a');
  });

  test('builds once more when a change comes during a build, however many changes there were', async () => {
    const { host, calls, gate } = recordingHost();
    const live = new LiveProject({ host, reporter: silentReporter(), read: async () => projectOf('functions/a.ts'), width: 4 });
    await live.open();
    calls.length = 0;
    let release: () => void = () => undefined;
    gate.open = new Promise((resolve) => (release = resolve));
    const updates = [1, 2, 3, 4].map(() => live.update(new Set(['functions/a.ts']), false));
    await sleep(5);
    release();
    await Promise.all(updates);
    expect(calls).toEqual(['build a', 'build a']);
  });

  test('tries a broken function again at any change, since any file may mend it', async () => {
    const { host, calls, result } = recordingHost();
    const live = new LiveProject({ host, reporter: silentReporter(), read: async () => projectOf('functions/a.ts'), width: 4 });
    result.ok = false;
    await live.open();
    await live.update(new Set(['functions/_lib.ts']), false);
    result.ok = true;
    await live.update(new Set(['functions/_lib.ts']), false);
    await live.update(new Set(['functions/_lib.ts']), false);
    expect(calls).toEqual(['build a', 'build a', 'build a']);
  });

  test('does not let a returning function meet its own removal', async () => {
    const { host, calls } = recordingHost();
    const slow: FunctionHost = { ...host, remove: async (id) => void (await sleep(20), calls.push(`remove ${id}`)) };
    const projects = [projectOf('functions/a.ts'), projectOf(), projectOf('functions/a.ts')];
    const live = new LiveProject({ host: slow, reporter: silentReporter(), read: async () => projects.shift() ?? projectOf(), width: 4 });
    await live.open();
    await Promise.all([live.update(new Set(['functions/a.ts']), true), live.update(new Set(['functions/a.ts']), true)]);
    expect(calls).toEqual(['build a', 'remove id-a', 'build a']);
  });

  test('goes on after a failure of the platform, and tells of problems once', async () => {
    const reporter = silentReporter();
    const host: FunctionHost = { build: async () => Promise.reject(new Error('no disk')), remove: async () => undefined };
    const live = new LiveProject({ host, reporter, read: async () => projectOf('functions/a.ts', 'functions/x y.ts'), width: 4 });
    await live.open();
    await live.update(new Set(['q']), true);
    expect(reporter.told).toEqual(['problems 1', 'failed a Error: no disk', 'failed a Error: no disk']);
  });
});

describe('the watch', () => {
  let folder = '';
  let watcher: ProjectWatcher | undefined;
  const batches: Changes[] = [];
  const seen = () => new Set(batches.flatMap((one) => [...one.files]));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-watch-'));
    for (const sub of ['functions', 'node_modules', '.martlet', '.git']) await mkdir(join(folder, sub));
    await writeFile(join(folder, 'functions/a.ts'), '1');
    batches.length = 0;
    watcher = await watchProject({
      folder,
      kind: 'martlet',
      onChanges: (one) => void batches.push(one),
      onError: (error) => {
        throw error;
      },
    });
  });
  afterEach(async () => {
    await watcher?.close();
    await rm(folder, { recursive: true, force: true });
  });

  test('reports a save in place as a change, not as a file that came', async () => {
    await writeFile(join(folder, 'functions/a.ts'), '22');
    await expect.poll(seen).toContain('functions/a.ts');
    expect(batches.some((one) => one.structural)).toBe(false);
  });

  test('sees the save of an editor that writes beside and renames', async () => {
    for (const text of ['222', '3333']) {
      batches.length = 0;
      await writeFile(join(folder, 'functions/.a.ts.tmp'), text);
      await rename(join(folder, 'functions/.a.ts.tmp'), join(folder, 'functions/a.ts'));
      await expect.poll(seen).toContain('functions/a.ts');
    }
  });

  test('reports the last of two saves in quick succession', async () => {
    await writeFile(join(folder, 'functions/a.ts'), 'first');
    await expect.poll(seen).toContain('functions/a.ts');
    const before = batches.length;
    await writeFile(join(folder, 'functions/a.ts'), 'second, longer');
    await expect.poll(() => batches.length).toBeGreaterThan(before);
  });

  test('reports files that come and go as structural, and never installed packages or local state', async () => {
    await writeFile(join(folder, 'node_modules/x.js'), '');
    await writeFile(join(folder, '.martlet/db'), '');
    await mkdir(join(folder, 'functions/new'));
    await writeFile(join(folder, 'functions/new/index.ts'), '');
    await expect.poll(seen).toContain('functions/new/index.ts');
    expect(batches.some((one) => one.structural)).toBe(true);
    batches.length = 0;
    await rm(join(folder, 'functions/a.ts'));
    await expect.poll(seen).toContain('functions/a.ts');
    expect([...seen()].filter((file) => /node_modules|\.martlet/.test(file))).toEqual([]);
  });
});
