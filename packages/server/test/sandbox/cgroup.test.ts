import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { findCgroups } from '../../src/drivers/bubblewrap-sandbox/cgroup/cgroup-mounts.ts';
import { openCgroupsV2 } from '../../src/drivers/bubblewrap-sandbox/cgroup/cgroup-v2.ts';
import { closeCgroups, detectCgroups, sweepCgroups } from '../../src/drivers/bubblewrap-sandbox/cgroup/detect-cgroups.ts';
import { isDeadInstance, ownInstance } from '../../src/drivers/bubblewrap-sandbox/instance.ts';
import { parseLibraries } from '../../src/drivers/bubblewrap-sandbox/runtime-folder.ts';
import { suiteName } from '../support/suite-name.ts';

const V2 = '31 24 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate';

describe('finding cgroups', () => {
  it('finds the unified hierarchy and the own place in it', () => {
    expect(findCgroups(V2, '0::/system.slice/martlet.service\n')).toEqual({
      v1: new Map(),
      v2: { mount: '/sys/fs/cgroup', own: '/sys/fs/cgroup/system.slice/martlet.service' },
    });
  });

  it('finds each controller of version 1, also where several are mounted together', () => {
    const mounts = [
      '33 32 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
      '34 32 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
      '35 32 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd',
    ].join('\n');
    const found = findCgroups(mounts, '3:cpu,cpuacct:/a\n2:memory:/a/b\n1:name=systemd:/c\n');
    expect([...found.v1]).toEqual([
      ['memory', '/sys/fs/cgroup/memory/a/b'],
      ['cpu', '/sys/fs/cgroup/cpu,cpuacct/a'],
    ]);
    expect(found.v2).toBeUndefined();
  });

  it('takes the mount itself for its place in a container, whose root is its own cgroup', () => {
    const mount = '33 32 0:28 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory';
    expect(findCgroups(mount, '2:memory:/docker/abc\n').v1.get('memory')).toBe('/sys/fs/cgroup/memory');
    expect(findCgroups(mount, '2:memory:/docker/abc/d\n').v1.get('memory')).toBe('/sys/fs/cgroup/memory/d');
    expect(findCgroups(V2, '0::/../other\n').v2?.own).toBe('/sys/fs/cgroup');
  });

  it('reads blanks in paths as mountinfo writes them', () => {
    expect(findCgroups(String.raw`31 24 0:27 / /my\040cgroups rw - cgroup2 none rw`, '0::/\n').v2?.mount).toBe('/my cgroups');
  });
});

describe('instance names', () => {
  it('take the own one for alive, and one whose process started at another time for dead', () => {
    const own = ownInstance();
    expect(isDeadInstance(own)).toBe(false);
    const [namespace, pid, start, chance] = own.split('-');
    expect(isDeadInstance([namespace, pid, Number(start) + 1, chance].join('-'))).toBe(true);
    expect(isDeadInstance([namespace, 4_194_305, start, chance].join('-'))).toBe(true);
  });

  it('leave alone what another pid namespace or another program made', () => {
    expect(isDeadInstance('1-4194305-5-abcdef')).toBe(false);
    expect(isDeadInstance('probe')).toBe(false);
  });
});

describe('libraries of Node', () => {
  it('are read from what the loader prints on glibc and on musl', () => {
    const listing =
      '\tlinux-vdso.so.1 (0x00007ffd)\n\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007fa2)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007fa3)\n\tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f03)\n\tlibmissing.so => not found\n';
    expect(parseLibraries(listing)).toEqual([
      { name: 'libm.so.6', path: '/lib/x86_64-linux-gnu/libm.so.6' },
      { name: 'ld-linux-x86-64.so.2', path: '/lib64/ld-linux-x86-64.so.2' },
      { name: 'libc.musl-x86_64.so.1', path: '/lib/ld-musl-x86_64.so.1' },
    ]);
  });
});

const probeInstance = process.platform === 'linux' ? ownInstance() : '';
const detection = process.platform === 'linux' ? await detectCgroups(probeInstance) : undefined;
const noCgroups = detection?.ok === true ? undefined : (detection?.detail ?? 'needs Linux');

describe.skipIf(noCgroups !== undefined)(suiteName('cgroups of this host', noCgroups), () => {
  afterAll(async () => {
    if (detection?.ok === true) await closeCgroups(detection.cgroups, probeInstance);
  });

  it('lose those of a dead instance with what runs in them, and no others', async () => {
    if (detection?.ok !== true) return;
    const { cgroups } = detection;
    const [parent = ''] = cgroups.parents;
    const dead = ownInstance().replace(/^(\d+)-\d+-/, '$1-4194305-');
    mkdirSync(`${parent}/${dead}/1`, { recursive: true });
    const left = spawn('/bin/sh', ['-c', 'echo $$ > "$1"; exec sleep 60', 'sh', `${parent}/${dead}/1/cgroup.procs`]);
    const living = cgroups.create('living', { memoryMb: 64, processes: 16 });
    try {
      await expect.poll(() => readFileSync(`${parent}/${dead}/1/cgroup.procs`, 'utf8')).not.toBe('');
      await sweepCgroups(cgroups.parents);
      if (left.exitCode === null && left.signalCode === null) await once(left, 'exit');
      expect(left.signalCode).toBe('SIGKILL');
      expect(existsSync(`${parent}/${dead}`)).toBe(false);
      expect(existsSync(living.joinFiles[0] ?? '')).toBe(true);
    } finally {
      left.kill('SIGKILL');
      await living.remove();
    }
  });

  it('leave nothing when they are closed', async () => {
    const instance = ownInstance();
    const own = await detectCgroups(instance);
    if (!own.ok) throw new Error(own.detail);
    await closeCgroups(own.cgroups, instance);
    for (const parent of own.cgroups.parents) expect(existsSync(`${parent}/${instance}`)).toBe(false);
  });
});

const places =
  process.platform === 'linux'
    ? findCgroups(readFileSync('/proc/self/mountinfo', 'utf8'), readFileSync('/proc/self/cgroup', 'utf8')).v2
    : undefined;
const hasV2 = places !== undefined && process.getuid?.() === 0;
const noV2 = hasV2 ? undefined : 'needs root and a mounted hierarchy';

describe.skipIf(!hasV2)(suiteName('a hierarchy of version 2 that has no controller for us', noV2), () => {
  it('is refused with the names of what is missing', ({ skip }) => {
    const memory = readFileSync(`${places?.mount}/cgroup.controllers`, 'utf8').includes('memory');
    if (memory) skip('this host delegates the memory controller');
    expect(() => openCgroupsV2(places, ownInstance())).toThrow(/the controllers memory, pids are not delegated/);
  });

  it('still joins, lists, kills at once and removes', async () => {
    const instance = ownInstance();
    const cgroups = openCgroupsV2(places, instance, []);
    const cgroup = cgroups.create('1', { memoryMb: 64, processes: 16 });
    const child = spawn('/bin/sh', ['-c', 'echo $$ > "$1"; sleep 60 & sleep 60', 'sh', cgroup.joinFiles[0] ?? '']);
    try {
      await expect.poll(() => cgroup.processes().length).toBe(3);
      cgroup.kill();
      await once(child, 'exit');
      await expect.poll(() => cgroup.processes()).toEqual([]);
      expect(cgroup.outOfMemoryKills()).toBe(0);
    } finally {
      child.kill('SIGKILL');
      await cgroup.remove();
      await closeCgroups(cgroups, instance);
    }
  });
});
