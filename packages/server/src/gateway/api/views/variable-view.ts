import type { VariableResource } from '@martlet/protocol';
import { formatDate } from '../../../domain/contract/dates.ts';
import type { VariableRow } from '../../../ports/store.ts';

/** A variable; the value of a secret never leaves. */
export function viewVariable(row: VariableRow): VariableResource {
  return {
    $id: row.id,
    $createdAt: formatDate(row.createdAt),
    $updatedAt: formatDate(row.updatedAt),
    key: row.key,
    value: row.secret ? '' : row.value,
    secret: row.secret,
    resourceType: row.functionId === null ? 'project' : 'function',
    resourceId: row.functionId ?? row.projectId,
  };
}
