/**
 * The process inside the sandbox. Born as a blank that knows nothing; one load frame makes it the worker of one
 * deployment for life; then it serves requests until the server ends it.
 */
import { FrameType } from '@martlet/protocol/frames';
import { prepareBlank } from './prepare-blank.ts';
import { openWall } from './wall.ts';
import { WorkerLife } from './worker-life.ts';

const wall = openWall();
const life = new WorkerLife(wall.writer);
void prepareBlank(life).then(() => {
  wall.listen((type, stream, payload) => life.onFrame(type, stream, payload));
  wall.writer.send(FrameType.ready, 0);
});
