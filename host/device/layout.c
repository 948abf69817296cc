/* How numbers lie in a device's memory: their size, and the padding of matrices.  The reference has
 * doubles without padding. */
#include "device/buffer.h"

size_t clg_elem_size(const clg_device *device, enum clg_elem elem)
{
    switch (elem) {
    case CLG_REAL:
        return device->kind == CLG_REFERENCE ? sizeof(double) : sizeof(float);
    case CLG_I32:
        return sizeof(int32_t);
    case CLG_U8:
        return 1;
    }
    return 1;
}

int clg_stride(const clg_device *device, int columns)
{
    int pad = device->col_pad;
    if (pad <= 1)
        return columns;
    int stride = (columns + pad - 1) / pad * pad;
    return stride % 256 == 0 ? stride + 16 : stride;
}

int clg_height(const clg_device *device, int rows)
{
    return (rows + device->row_pad - 1) / device->row_pad * device->row_pad;
}

int clg_weights_transposed(const clg_device *device)
{
    return device->kind != CLG_REFERENCE;
}

size_t clg_weights_size(const clg_device *device, int O, int I)
{
    int turned = clg_weights_transposed(device), rows = turned ? I : O, columns = turned ? O : I;
    return (size_t)clg_height(device, rows) * (size_t)clg_stride(device, columns);
}

size_t clg_view_align(const clg_device *device, enum clg_elem elem)
{
    return device->kind == CLG_REFERENCE ? 1 : device->base_align / clg_elem_size(device, elem);
}
