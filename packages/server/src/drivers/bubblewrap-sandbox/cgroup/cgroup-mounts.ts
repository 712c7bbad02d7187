/**
 * Finds where the cgroups of this process are in the file system, from the text of /proc/self/mountinfo and
 * /proc/self/cgroup. Pure: hybrid layouts, containers and co-mounted controllers are told apart here and tested as text.
 */

export const controllers = ['memory', 'pids', 'cpu'] as const;
export type Controller = (typeof controllers)[number];

export interface CgroupPlaces {
  /** v1: folder of the own cgroup of each controller that is mounted. */
  readonly v1: ReadonlyMap<Controller, string>;
  /** v2: where the hierarchy is mounted, and the folder of the own cgroup in it. */
  readonly v2: { readonly mount: string; readonly own: string } | undefined;
}

interface CgroupMount {
  /** Path inside the hierarchy that the mount shows as its root. */
  readonly root: string;
  readonly mountPoint: string;
  readonly version: 1 | 2;
  readonly options: readonly string[];
}

export function findCgroups(mountinfo: string, selfCgroup: string): CgroupPlaces {
  const mounts = mountinfo.split('\n').flatMap(parseMount);
  const memberships = selfCgroup.split('\n').filter(Boolean).map(parseMembership);
  const v1 = new Map<Controller, string>();
  for (const controller of controllers) {
    const mount = mounts.find((candidate) => candidate.version === 1 && candidate.options.includes(controller));
    const membership = memberships.find((candidate) => candidate.controllers.includes(controller));
    if (mount !== undefined && membership !== undefined) v1.set(controller, locate(mount, membership.path));
  }
  const unified = mounts.find((mount) => mount.version === 2);
  const membership = memberships.find((candidate) => candidate.controllers.length === 0);
  const v2 =
    unified === undefined || membership === undefined ? undefined : { mount: unified.mountPoint, own: locate(unified, membership.path) };
  return { v1, v2 };
}

function parseMount(line: string): CgroupMount[] {
  const [front, back] = line.split(' - ');
  const [, , , root, mountPoint] = (front ?? '').split(' ');
  const [type, , options] = (back ?? '').split(' ');
  if (root === undefined || mountPoint === undefined || (type !== 'cgroup' && type !== 'cgroup2')) return [];
  return [
    {
      root: unescape(root),
      mountPoint: unescape(mountPoint),
      version: type === 'cgroup' ? 1 : 2,
      options: (options ?? '').split(','),
    },
  ];
}

/** mountinfo writes blanks and backslashes as three octal digits. */
const unescape = (text: string): string =>
  text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

function parseMembership(line: string): { readonly controllers: readonly string[]; readonly path: string } {
  const [, list = '', ...path] = line.split(':');
  return { controllers: list.split(',').filter(Boolean), path: path.join(':') };
}

/** A container may see its own cgroup as the root of the mount, while its membership tells the path on the host. */
function locate(mount: CgroupMount, path: string): string {
  if (mount.root === '/') return join(mount.mountPoint, path);
  if (path === mount.root) return mount.mountPoint;
  return path.startsWith(`${mount.root}/`) ? join(mount.mountPoint, path.slice(mount.root.length)) : mount.mountPoint;
}

const join = (mountPoint: string, path: string): string => (path === '/' || path.startsWith('/..') ? mountPoint : mountPoint + path);
