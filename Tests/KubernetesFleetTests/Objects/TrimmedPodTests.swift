import Foundation
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// What a copy of a pod leaves out, held against the pods of a real cluster's recordings.
struct TrimmedPodTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../WindlassSimulationTests/Transcripts").standardizedFileURL

  /// Every state of every pod that a recording's watches told.
  private static func pods() throws -> [KubernetesObject] {
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    return try files.filter { $0.hasSuffix(".json") }.flatMap { name -> [KubernetesObject] in
      let data = try Data(contentsOf: folder.appendingPathComponent(name))
      let json = try JSONValue.parse(
        Array(data), limits: JSONLimits(sizeMax: 8 << 20, depthMax: 100, elementsMax: 200_000))
      let events = (json["steps"]?.array ?? []).flatMap {
        $0.value(at: "/response/events")?.array ?? []
      }
      return events.compactMap { $0["object"] }.filter { $0["kind"] == "Pod" }
        .map(KubernetesObject.init)
    }
  }

  @Test func `a copy tells of a pod what the pod tells`() throws {
    let pods = try Self.pods()
    #expect(pods.count > 100)
    var (hasEnds, hasRestarts) = (false, false)
    for pod in pods {
      let copy = pod.trimmedPod
      #expect(copy.key == pod.key && copy.resourceVersion == pod.resourceVersion)
      #expect(PodSighting(copy) == PodSighting(pod))
      #expect(WorkloadNews.workload(of: copy) == WorkloadNews.workload(of: pod))
      #expect(copy.labels == pod.labels)
      for container in pod.body.value(at: "/spec/containers")?.array ?? [] {
        let name = try #require(container["name"]?.string)
        let (whole, kept) = (Pod(object: pod, container: name), Pod(object: copy, container: name))
        let machine = MachineReading(name: whole.node ?? "", boot: "b")
        #expect(
          kept.instance(on: machine, answers: true) == whole.instance(on: machine, answers: true))
        #expect(kept.address == whole.address)
        hasEnds = hasEnds || whole.isEnded
        hasRestarts = hasRestarts || whole.restarts > 0
      }
      // Half of it at most is kept.
      #expect(copy.body.text.utf8.count * 2 < pod.body.text.utf8.count)
    }
    #expect(hasEnds && hasRestarts)
  }

  @Test func `an outline tells whose a pod was, and ends nobody who may be alive`() throws {
    for pod in try Self.pods() {
      let outline = pod.trimmedPod.podOutline
      #expect(outline.key == pod.key && outline.uid == pod.uid)
      #expect(outline.resourceVersion == pod.resourceVersion)
      #expect(WorkloadNews.workload(of: outline) == WorkloadNews.workload(of: pod))
      #expect(outline.labels == pod.labels)
      let (before, after) = (
        Pod(object: pod, container: ""), Pod(object: outline, container: "")
      )
      #expect(after.node == before.node)
      #expect(!after.isEnded || before.isEnded)
    }
  }
}
