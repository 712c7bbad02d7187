/** The files of a new project. */

export function starterFiles(folderName: string): Readonly<Record<string, string>> {
  const name =
    folderName
      .toLowerCase()
      .replaceAll(/[^a-z0-9-]+/g, '-')
      .replaceAll(/^-+|-+$/g, '') || 'functions';
  return {
    'functions/hello.ts': HELLO,
    'functions/orders/create.ts': CREATE_ORDER,
    'shared/money.ts': MONEY,
    'package.json': packageJson(name),
    'tsconfig.json': TSCONFIG,
    'README.md': readme(name),
    '.gitignore': 'node_modules/\n.martlet/\n.env\n',
  };
}

const HELLO = `import type { FunctionContext } from 'martlet';

export default function hello(request: Request, ctx: FunctionContext): Response {
  const name = new URL(request.url).searchParams.get('name') ?? 'world';
  ctx.log('saying hello to', name);
  return Response.json({ message: \`Hello, \${name}!\` });
}
`;

const CREATE_ORDER = `import type { FunctionConfig, FunctionContext } from 'martlet';
import { formatPrice } from '../../shared/money.ts';

/** Settings stand beside the code; a key that does not exist is an error of the build. */
export const config: FunctionConfig = { timeout: 10, memory: 128 };

export default async function createOrder(request: Request, ctx: FunctionContext): Promise<Response> {
  if (request.method !== 'POST') return new Response('Use POST', { status: 405, headers: { allow: 'POST' } });
  const order: unknown = await request.json().catch(() => undefined);
  const cents: unknown = typeof order === 'object' && order !== null ? Reflect.get(order, 'cents') : undefined;
  if (typeof cents !== 'number') return Response.json({ error: 'cents must be a number' }, { status: 400 });
  ctx.log.info('order %s over %s', ctx.execution.id, formatPrice(cents));
  return Response.json({ id: ctx.execution.id, price: formatPrice(cents) }, { status: 201 });
}
`;

const MONEY = `/** Code that several functions import stands beside \`functions/\`. */
export function formatPrice(cents: number): string {
  return \`\${(cents / 100).toFixed(2)} EUR\`;
}
`;

function packageJson(name: string): string {
  const content = {
    name,
    private: true,
    type: 'module',
    scripts: { dev: 'martlet dev', deploy: 'martlet deploy', check: 'tsc' },
    devDependencies: { martlet: '^0.1.0', typescript: '^7.0.2' },
  };
  return `${JSON.stringify(content, undefined, 2)}\n`;
}

const TSCONFIG = `{
  "compilerOptions": {
    "strict": true,
    "module": "nodenext",
    "target": "es2024",
    "lib": ["es2024", "dom", "dom.iterable"],
    "types": [],
    "erasableSyntaxOnly": true,
    "allowImportingTsExtensions": true,
    "verbatimModuleSyntax": true,
    "skipLibCheck": true,
    "noEmit": true
  },
  "include": ["functions", "shared", "martlet/.types/*.d.ts"]
}
`;

function readme(name: string): string {
  return `# ${name}

Functions for [Martlet](https://www.npmjs.com/package/martlet). Each file in \`functions/\` answers under its name.

| do | with |
| --- | --- |
| run everything here, with reload on save | \`npx martlet dev\` |
| call a function | \`npx martlet invoke hello --path '?name=you'\` |
| send data | \`npx martlet invoke orders/create --data '{"cents": 1250}'\` |
| watch logs | \`npx martlet logs --follow\` |
| deploy to a server | \`npx martlet deploy --url https://… --key …\` |

Files and folders whose names begin with \`_\` are no functions. Values for development stand in \`.env\`.
`;
}
