/** Runtimes and sizes that functions may ask for. One engine runs them all: Node 24. */

export interface Runtime {
  readonly $id: string;
  readonly key: string;
  readonly name: string;
  readonly version: string;
  readonly base: string;
  readonly image: string;
  readonly logo: string;
  readonly supports: readonly string[];
}

/** Older ids are accepted because projects name them; their functions run on Node 24, which runs their code. */
const NODE_VERSIONS = ['24', '22', '20.0'];

export const runtimes: readonly Runtime[] = NODE_VERSIONS.map((version) => ({
  $id: `node-${version}`,
  key: 'node',
  name: 'Node.js',
  version,
  base: 'node:24',
  image: '',
  logo: 'node.png',
  supports: ['x86', 'arm64'],
}));
export const RUNTIME_DEFAULT = 'node-24';

export const isRuntime = (id: string): boolean => runtimes.some((runtime) => runtime.$id === id);

export interface Specification {
  readonly slug: string;
  /** MB. */
  readonly memory: number;
  readonly cpus: number;
}

/** The catalogue of the contract. Memory is enforced; processors are shared, whatever the number says. */
export const specifications: readonly Specification[] = [
  { slug: 's-0.5vcpu-512mb', memory: 512, cpus: 0.5 },
  { slug: 's-1vcpu-512mb', memory: 512, cpus: 1 },
  { slug: 's-1vcpu-1gb', memory: 1024, cpus: 1 },
  { slug: 's-2vcpu-2gb', memory: 2048, cpus: 2 },
  { slug: 's-2vcpu-4gb', memory: 4096, cpus: 2 },
  { slug: 's-4vcpu-4gb', memory: 4096, cpus: 4 },
  { slug: 's-4vcpu-8gb', memory: 8192, cpus: 4 },
  { slug: 's-8vcpu-4gb', memory: 4096, cpus: 8 },
  { slug: 's-8vcpu-8gb', memory: 8192, cpus: 8 },
];
const SPECIFICATION_DEFAULT = 's-1vcpu-512mb';

export const findSpecification = (slug: string): Specification | undefined => specifications.find((each) => each.slug === slug);

/** The slug to show for a memory: the first of the catalogue that has it, the default for less than any has. */
export function specificationOf(memoryMb: number): string {
  if (memoryMb <= 512) return SPECIFICATION_DEFAULT;
  return specifications.find((each) => each.memory >= memoryMb)?.slug ?? 's-8vcpu-8gb';
}
