/** Deployments and build logs: part of the contract of the store. */
import { expect, it } from 'vitest';
import type { Store } from '../../src/ports/store.ts';
import { aDeployment, aFunction, aQuery, aVariable, aWrite } from '../support/rows.ts';

export function testDeployments(store: () => Store): void {
  async function functionWith(projectId: string, ...ids: string[]): Promise<void> {
    await store().functions.insert(aFunction({ id: 'f', projectId }));
    for (const id of ids) await store().deployments.insert(aDeployment({ id, projectId, functionId: 'f' }));
  }

  it('keeps a deployment with every fact, and finds it only in its function', async () => {
    await store().functions.insert(aFunction({ id: 'f', projectId: 'facts' }));
    const row = aDeployment({
      id: 'facts-1',
      projectId: 'facts',
      functionId: 'f',
      type: 'cli',
      status: 'failed',
      activate: false,
      artifactHash: 'cd',
      artifactFormat: 'tree',
      buildStartedAt: 5,
      buildMs: 7.25,
      error: 'build_failed',
      errorMessage: 'index.ts:1: no',
    });
    await store().deployments.insert(row);
    await expect(store().deployments.get('facts', 'f', 'facts-1')).resolves.toEqual(row);
    await expect(store().deployments.get('facts', 'g', 'facts-1')).resolves.toBeNull();
    await expect(store().deployments.get('default', 'f', 'facts-1')).resolves.toBeNull();
  });

  it('knows the newest deployment, and lists in the order of insertion', async () => {
    await functionWith('newest', 'n2', 'n1', 'n3');
    await expect(store().deployments.latest('newest', 'f')).resolves.toMatchObject({ id: 'n3' });
    await expect(store().deployments.latest('newest', 'g')).resolves.toBeNull();
    const { rows, total } = await store().deployments.list('newest', 'f', aQuery());
    expect([rows.map((row) => row.id), total]).toEqual([['n2', 'n1', 'n3'], 3]);
  });

  it('tells two racing changes which of them was first', async () => {
    await functionWith('race', 'racing');
    const [ready, canceled] = await Promise.all([
      store().deployments.update('racing', ['waiting', 'building'], { status: 'ready', buildMs: 12 }),
      store().deployments.update('racing', ['waiting', 'building'], { status: 'canceled' }),
    ]);
    expect([ready?.status, canceled]).toEqual(['ready', null]);
    await expect(store().deployments.get('race', 'f', 'racing')).resolves.toMatchObject({ status: 'ready', buildMs: 12 });
    await expect(store().deployments.update('racing', [], { status: 'failed' })).resolves.toBeNull();
    await expect(store().deployments.update('racing', ['ready'], {})).resolves.toMatchObject({ status: 'ready' });
  });

  it('lists deployments of all projects by status', async () => {
    await functionWith('status-a', 'status-1');
    await functionWith('status-b', 'status-2', 'status-3');
    await store().deployments.update('status-1', ['waiting'], { status: 'building' });
    await store().deployments.update('status-3', ['waiting'], { status: 'processing' });
    const rows = await store().deployments.listByStatus(['building', 'processing']);
    expect(rows.map((row) => row.id)).toEqual(['status-1', 'status-3']);
    await expect(store().deployments.listByStatus([])).resolves.toEqual([]);
  });

  it('appends to a build log in order, and drops it with its deployment', async () => {
    await functionWith('log', 'logged');
    await expect(store().deployments.buildLog('logged')).resolves.toBe('');
    await Promise.all(['one\n', 'zwei ü\n', '3️⃣\n'].map((text) => store().deployments.appendBuildLog('logged', text)));
    await expect(store().deployments.buildLog('logged')).resolves.toBe('one\nzwei ü\n3️⃣\n');
    await expect(store().deployments.delete('log', 'f', 'logged')).resolves.toBe(true);
    await expect(store().deployments.delete('log', 'f', 'logged')).resolves.toBe(false);
    await expect(store().deployments.buildLog('logged')).resolves.toBe('');
    await expect(store().deployments.appendBuildLog('logged', 'late')).rejects.toMatchObject({ code: 'deployment_not_found' });
  });

  it('keeps the last 1,000,000 characters of a build log', async () => {
    await functionWith('tail', 'long');
    for (let piece = 0; piece < 12; piece += 1) await store().deployments.appendBuildLog('long', `${piece % 10}`.repeat(99_999) + '\n');
    const log = await store().deployments.buildLog('long');
    expect(log).toHaveLength(1_000_000);
    expect([log.slice(0, 3), log.slice(-3)]).toEqual(['222', '11\n']);
    await store().deployments.appendBuildLog('long', `first${'😀'.repeat(500_000)}x`);
    const emojis = await store().deployments.buildLog('long');
    expect([emojis.length, emojis.slice(0, 2), emojis.at(-1)]).toEqual([999_999, '😀', 'x']);
  });

  it('refuses a deployment of a function that is not there', async () => {
    await expect(store().deployments.insert(aDeployment({ id: 'orphan', projectId: 'none' }))).rejects.toMatchObject({
      code: 'function_not_found',
    });
  });

  it('deletes a function with everything of it, and nothing of its namesake in another project', async () => {
    for (const projectId of ['doomed', 'spared']) {
      await store().functions.insert(aFunction({ id: 'f', projectId }));
      await store().deployments.insert(aDeployment({ id: `${projectId}-d`, projectId, functionId: 'f' }));
      await store().deployments.appendBuildLog(`${projectId}-d`, 'built');
      await store().variables.insert(aVariable({ projectId, functionId: 'f' }));
      await store().variables.insert(aVariable({ projectId }));
      const writes = Array.from({ length: 1001 }, (_, index) =>
        aWrite({ id: `${projectId}-${index}`, projectId, functionId: 'f' }, 'line'),
      );
      await store().executions.write(writes);
    }
    await expect(store().functions.delete('doomed', 'f')).resolves.toBe(true);
    await expect(store().functions.delete('doomed', 'f')).resolves.toBe(false);
    for (const [projectId, left] of [
      ['doomed', 0],
      ['spared', 1],
    ] as const) {
      await expect(
        store()
          .functions.get(projectId, 'f')
          .then((row) => (row === null ? 0 : 1)),
      ).resolves.toBe(left);
      await expect(store().deployments.list(projectId, 'f', aQuery())).resolves.toMatchObject({ total: left });
      await expect(store().deployments.buildLog(`${projectId}-d`)).resolves.toHaveLength(left * 5);
      await expect(store().variables.list(projectId, 'f', aQuery())).resolves.toMatchObject({ total: left });
      await expect(store().variables.list(projectId, null, aQuery())).resolves.toMatchObject({ total: 1 });
      await expect(store().executions.list(projectId, null, aQuery())).resolves.toMatchObject({ total: left * 1001 });
      await expect(store().executions.lines(`${projectId}-1000`)).resolves.toHaveLength(left);
    }
  });
}
