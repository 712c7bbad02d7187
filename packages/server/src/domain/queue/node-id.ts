/**
 * A server joins the nodes under a new id each time, since others may run by then what it had taken before. Each begins with the id
 * of the server, so that what is the server's own, whatever its lease, can be told from what a dead one left.
 */
export const nodeIdOf = (serverId: string, joins: number): string => `${serverId}.${joins}`;

export const isNodeOf = (nodeId: string, serverId: string): boolean => nodeId.startsWith(`${serverId}.`);
