/**
 * Reads `export const config = {…}` without running anything: types are stripped, the rest is parsed, and only literals
 * are evaluated. Settings must be known before a sandbox exists that could run code.
 */
import { SourceMap } from 'node:module';
import { extname } from 'node:path';
import { parse, type Expression, type Node, type Program, type VariableDeclarator } from 'acorn';
import { transform, type Loader } from 'esbuild';
import type { BuildProblem } from '../../../ports/builder.ts';
import { BuildFailure, problemAt } from '../build-problems.ts';

export interface ConfigLiteral {
  readonly value: Readonly<Record<string, unknown>>;
  /** A problem at the key with this path, or at the nearest one above it that is written. */
  problem(path: readonly PropertyKey[], message: string): Promise<BuildProblem>;
}

const LOADERS: Readonly<Record<string, Loader>> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.tsx': 'tsx',
  '.js': 'js',
  '.mjs': 'js',
  '.cjs': 'js',
  '.jsx': 'jsx',
};

/**
 * The settings that a source exports, or undefined where it exports none, or has a mistake that the bundler will tell.
 * @throws {BuildFailure} `function_config_invalid` where they are not literals
 */
export async function readConfigLiteral(file: string, source: string): Promise<ConfigLiteral | undefined> {
  if (!/\bconfig\b/.test(source)) return undefined;
  const loader = LOADERS[extname(file)] ?? 'ts';
  const program = await parseStripped(source, loader);
  if (program === undefined) return undefined;
  const positions = new Map<string, Node>();
  const place = async (node: Node, message: string): Promise<BuildProblem> =>
    problemAt({ file, text: source, offset: await originalOffset({ source, loader, node }), message });
  try {
    const exported = exportedConfig(program);
    if (exported === undefined) return undefined;
    const value = evaluate(exported, [], positions);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new NotLiteral(exported, 'config must be an object');
    positions.set('', exported);
    return {
      value: value as Record<string, unknown>,
      problem: (path, message) => place(nearest(positions, path) ?? exported, message),
    };
  } catch (error) {
    if (!(error instanceof NotLiteral)) throw error;
    throw new BuildFailure('function_config_invalid', [await place(error.node, error.message)]);
  }
}

class NotLiteral extends Error {
  readonly node: Node;

  constructor(node: Node, message = 'config must be made of literals: it is read without running the code') {
    super(message);
    this.node = node;
  }
}

async function parseStripped(source: string, loader: Loader): Promise<Program | undefined> {
  try {
    const { code } = await transform(source, { loader, target: 'node24', logLevel: 'silent', tsconfigRaw: {} });
    return parse(code, { ecmaVersion: 'latest', sourceType: 'module', locations: true, allowHashBang: true });
  } catch {
    return undefined;
  }
}

function exportedConfig(program: Program): Expression | undefined {
  for (const statement of program.body) {
    if (statement.type !== 'ExportNamedDeclaration') continue;
    const listed = statement.specifiers.find(
      ({ exported }) => (exported.type === 'Identifier' ? exported.name : exported.value) === 'config',
    );
    if (listed !== undefined) throw new NotLiteral(listed, 'config must be written as `export const config = { … }`');
    const declaration = statement.declaration;
    if (declaration?.type !== 'VariableDeclaration') continue;
    const found = declaration.declarations.find((one: VariableDeclarator) => one.id.type === 'Identifier' && one.id.name === 'config');
    if (found === undefined) continue;
    if (declaration.kind !== 'const' || !found.init) throw new NotLiteral(found, 'config must be written as `export const config = { … }`');
    return found.init;
  }
  return undefined;
}

function evaluate(node: Expression, path: readonly string[], positions: Map<string, Node>): unknown {
  switch (node.type) {
    case 'Literal':
      if (typeof node.value === 'bigint' || node.value instanceof RegExp) throw new NotLiteral(node);
      return node.value;
    case 'TemplateLiteral':
      if (node.expressions.length > 0) throw new NotLiteral(node);
      return node.quasis[0]?.value.cooked ?? '';
    case 'UnaryExpression': {
      const value = evaluate(node.argument, path, positions);
      if (node.operator !== '-' || typeof value !== 'number') throw new NotLiteral(node);
      return -value;
    }
    case 'ArrayExpression':
      return node.elements.map((element, index) => {
        if (element === null || element.type === 'SpreadElement') throw new NotLiteral(element ?? node);
        const at = [...path, String(index)];
        positions.set(at.join('.'), element);
        return evaluate(element, at, positions);
      });
    case 'ObjectExpression':
      // `fromEntries` makes own properties even of `__proto__`, which the strict schema then refuses by name.
      return Object.fromEntries(
        node.properties.map((property) => {
          if (property.type === 'SpreadElement' || property.computed || property.kind !== 'init' || property.method)
            throw new NotLiteral(property);
          const key =
            property.key.type === 'Identifier'
              ? property.key.name
              : property.key.type === 'Literal'
                ? String(property.key.value)
                : undefined;
          if (key === undefined) throw new NotLiteral(property);
          const at = [...path, key];
          positions.set(at.join('.'), property);
          return [key, evaluate(property.value, at, positions)];
        }),
      );
    default:
      throw new NotLiteral(node);
  }
}

function nearest(positions: Map<string, Node>, path: readonly PropertyKey[]): Node | undefined {
  for (let length = path.length; length > 0; length -= 1) {
    const node = positions.get(path.slice(0, length).map(String).join('.'));
    if (node !== undefined) return node;
  }
  return undefined;
}

/** Stripping moves lines; the map is made only here, for a problem. */
async function originalOffset({ source, loader, node }: { source: string; loader: Loader; node: Node }): Promise<number> {
  const { map } = await transform(source, {
    loader,
    target: 'node24',
    logLevel: 'silent',
    tsconfigRaw: {},
    sourcemap: 'external',
    sourcefile: 'source',
  });
  const start = node.loc?.start ?? { line: 1, column: 0 };
  const entry = new SourceMap(JSON.parse(map)).findEntry(start.line - 1, start.column);
  if (!('originalLine' in entry)) return 0;
  const lines = source.split('\n').slice(0, entry.originalLine);
  return lines.reduce((offset, line) => offset + line.length + 1, 0) + entry.originalColumn;
}
