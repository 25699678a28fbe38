// SPDX-License-Identifier: Apache-2.0
#include "builder_service/hypervisor/event_loop.hh"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

namespace unikernel
{

void EventLoop::ensure()
{
    static EventLoop loop;
}

EventLoop::EventLoop()
{
    // Errors are returned to whoever called; without this libvirt prints them to stderr as well.
    virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
    virEventRegisterDefaultImpl();
    // A disarmed timer; firing it is how the destructor wakes the loop.
    timer_ = virEventAddTimeout(
        -1, [](int, void*) {}, nullptr, nullptr);
    thread_ = std::thread([this] {
        while (!ending_ && virEventRunDefaultImpl() == 0) {
        }
    });
}

EventLoop::~EventLoop()
{
    ending_ = true;
    virEventUpdateTimeout(timer_, 0);
    thread_.join();
    virEventRemoveTimeout(timer_);
}

}  // namespace unikernel
