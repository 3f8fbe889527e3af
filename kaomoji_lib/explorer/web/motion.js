// Movement between two views, for readers who want it: what moves can be followed, what jumps must be searched.

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const ease = (t) => 1 - (1 - t) ** 3;

// A clock from 0 to 1 that tells `step` where it is; starting it again begins anew.
export function makeMotion(step, lasting) {
  let waiting = 0;
  let began = 0;
  const stop = () => { cancelAnimationFrame(waiting); waiting = 0; };
  const tick = (now) => {
    const t = Math.min(1, Math.max(0, (now - began) / lasting));
    waiting = t < 1 ? requestAnimationFrame(tick) : 0;
    step(ease(t));
  };
  return {
    stop,
    running: () => waiting !== 0,
    start() {
      stop();
      if (still()) return step(1);
      step(0);
      began = performance.now();
      waiting = requestAnimationFrame(tick);
    },
  };
}
