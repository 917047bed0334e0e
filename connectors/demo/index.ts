export {
  type Metric,
  type MetricPosition,
  type RandomMetricOptions,
  RandomMetricSource,
} from './random-metric-source.ts'
