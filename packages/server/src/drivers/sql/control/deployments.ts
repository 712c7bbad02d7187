/** Statements about deployments and their build logs. */
import { sql, type Insertable } from 'kysely';
import type { DeploymentStatus } from '@martlet/protocol';
import { BUILD_LOG_MAX, buildLogTail } from '../../../domain/build-log-tail.ts';
import type { deploymentAttributes } from '../../../domain/list-attributes.ts';
import type { DeploymentChange, DeploymentRow, ListQuery, Page } from '../../../ports/store.ts';
import { listPage, type AttributeColumns } from '../list-page.ts';
import { createRowCodec, flag, plain } from '../row-codec.ts';
import type { Database, DeploymentTable } from '../schema.ts';
import { StoreFault, violationMeans } from '../store-fault.ts';

const codec = createRowCodec<DeploymentRow, Insertable<DeploymentTable>>({
  id: plain('id'),
  createdAt: plain('created_at'),
  updatedAt: plain('updated_at'),
  projectId: plain('project_id'),
  functionId: plain('function_id'),
  type: plain('type'),
  status: plain('status'),
  entrypoint: plain('entrypoint'),
  commands: plain('commands'),
  activate: flag('activate'),
  sourceHash: plain('source_hash'),
  sourceBytes: plain('source_bytes'),
  artifactHash: plain('artifact_hash'),
  artifactFormat: plain('artifact_format'),
  buildBytes: plain('build_bytes'),
  buildStartedAt: plain('build_started_at'),
  buildMs: plain('build_ms'),
  error: plain('error'),
  errorMessage: plain('error_message'),
});

const attributes: AttributeColumns<typeof deploymentAttributes> = {
  $id: { value: sql.ref('id') },
  $createdAt: { value: sql.ref('created_at') },
  $updatedAt: { value: sql.ref('updated_at') },
  $sequence: { value: sql.ref('seq') },
  type: { value: sql.ref('type') },
  status: { value: sql.ref('status') },
  activate: { value: sql.ref('activate') },
  entrypoint: { value: sql.ref('entrypoint') },
  sourceSize: { value: sql.ref('source_bytes') },
  buildSize: { value: sql.ref('build_bytes') },
  totalSize: { value: sql`(source_bytes + build_bytes)` },
  buildDuration: { value: sql.ref('build_ms'), perUnit: 1000 },
};

export interface FunctionOf {
  readonly projectId: string;
  readonly functionId: string;
}

export async function insertDeployment(db: Database, row: DeploymentRow): Promise<void> {
  const gone = new StoreFault('function_not_found', `Cannot add a deployment: the function "${row.functionId}" does not exist.`);
  await db
    .insertInto('deployments')
    .values(codec.encode(row))
    .execute()
    .catch(violationMeans({ foreign: gone }));
}

export async function getDeployment(db: Database, at: FunctionOf & { id: string }): Promise<DeploymentRow | null> {
  const raw = await selectOf(db, at).where('id', '=', at.id).executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
}

export async function latestDeployment(db: Database, at: FunctionOf): Promise<DeploymentRow | null> {
  const raw = await selectOf(db, at).orderBy('seq', 'desc').limit(1).executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
}

export function listDeployments(db: Database, at: FunctionOf & { query: ListQuery }): Promise<Page<DeploymentRow>> {
  const scope = [sql`project_id = ${at.projectId}`, sql`function_id = ${at.functionId}`];
  return listPage(db, { noun: 'Deployment', table: 'deployments', scope, attributes, insertion: ['seq'], decode: codec.decode }, at.query);
}

export async function updateDeployment(
  db: Database,
  at: { id: string; from: readonly DeploymentStatus[]; change: DeploymentChange },
): Promise<DeploymentRow | null> {
  if (at.from.length === 0) return null;
  const cells = codec.encodeChange(at.change);
  // A change of nothing must still tell whether the deployment is in one of the states.
  const raw = await db
    .updateTable('deployments')
    .set(Object.keys(cells).length === 0 ? { id: at.id } : cells)
    .where('id', '=', at.id)
    .where('status', 'in', at.from)
    .returningAll()
    .executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
}

export async function deleteDeployment(db: Database, at: FunctionOf & { id: string }): Promise<boolean> {
  const result = await db
    .deleteFrom('deployments')
    .where('project_id', '=', at.projectId)
    .where('function_id', '=', at.functionId)
    .where('id', '=', at.id)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}

export async function listDeploymentsByStatus(db: Database, statuses: readonly DeploymentStatus[]): Promise<readonly DeploymentRow[]> {
  if (statuses.length === 0) return [];
  const raws = await db.selectFrom('deployments').selectAll().where('status', 'in', statuses).orderBy('seq').execute();
  return raws.map(codec.decode);
}

/** Appends a piece, and drops the pieces that no reader can see any more, so that a build cannot fill the disk. */
export async function appendBuildLog(db: Database, piece: { id: string; text: string }): Promise<void> {
  const last = await db
    .selectFrom('deployment_logs')
    .select('end_char')
    .where('deployment_id', '=', piece.id)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  const end = (last?.end_char ?? 0) + piece.text.length;
  const gone = new StoreFault('deployment_not_found', `Cannot append to the build log: the deployment "${piece.id}" does not exist.`);
  await db
    .insertInto('deployment_logs')
    .values({ deployment_id: piece.id, text: buildLogTail(piece.text), end_char: end })
    .execute()
    .catch(violationMeans({ foreign: gone }));
  await db
    .deleteFrom('deployment_logs')
    .where('deployment_id', '=', piece.id)
    .where('end_char', '<=', end - BUILD_LOG_MAX)
    .execute();
}

export async function getBuildLog(db: Database, id: string): Promise<string> {
  const pieces = await db.selectFrom('deployment_logs').select('text').where('deployment_id', '=', id).orderBy('seq').execute();
  return buildLogTail(pieces.map((piece) => piece.text).join(''));
}

function selectOf(db: Database, at: FunctionOf) {
  return db.selectFrom('deployments').selectAll().where('project_id', '=', at.projectId).where('function_id', '=', at.functionId);
}
