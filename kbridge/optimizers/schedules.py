class LearningRateSchedule: pass
