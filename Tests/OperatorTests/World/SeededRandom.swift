import Synchronization
import WindlassSimulation

@testable import KubernetesFleet

/// Chance that is the same for the same seed.
final class SeededRandom: RandomSource {
  private let generator: Mutex<SeededGenerator>

  init(_ seed: UInt64) { generator = Mutex(SeededGenerator(seed: seed)) }

  func fraction() -> Double {
    generator.withLock { Double($0.next() >> 11) / Double(1 << 53) }
  }
}
