import { expect } from 'chai'
import { KafkaError } from 'tidemark/connectors/kafka'
import { openCluster } from '../../../connectors/kafka/driver.ts'
import { systemRuntime } from '../../../lib/runtime/system.ts'
import { KafkaWorld } from '../../support/kafka-world.ts'
import { describeDriver } from './driver-contract.ts'

describe(KafkaWorld.titled('kafka-ts'), () => {
  let world: KafkaWorld

  before(async function () {
    if (KafkaWorld.missing) return this.skip()
    world = await KafkaWorld.shared()
  })

  after(() => world?.remove())

  it('says which brokers it could not use, and why', async () => {
    const failure = await openCluster({ brokers: ['127.0.0.1:1'] }, systemRuntime).then(
      () => null,
      (error: unknown) => error,
    )
    expect(failure).to.be.instanceOf(KafkaError).and.to.include({ retryable: true })
    expect(String(failure)).to.include('127.0.0.1:1').and.include('ECONNREFUSED')
  })

  if (KafkaWorld.missing) return
  describeDriver('kafka-ts', {
    world: () => world,
    open: ({ brokers }) => openCluster({ brokers }, systemRuntime),
  })
})
